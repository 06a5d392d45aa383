package events

import "testing"

// Who keeps what others read subscribes before them, and is told before them.
func TestSubscribersAreToldInTheirOrder(t *testing.T) {
	h := NewHub()
	var subs []*Subscription
	for range 50 {
		subs = append(subs, h.Subscribe("t"))
	}
	last, told := subs[len(subs)-1], make(chan int, 1)
	go func() {
		<-last.Ready()
		n := 0
		for _, s := range subs[:len(subs)-1] {
			select {
			case <-s.Ready():
				n++
			default:
			}
		}
		told <- n
	}()
	h.Changed("t", []string{"a"})
	if n := <-told; n != len(subs)-1 {
		t.Errorf("the last one woke when %d of %d before it had been told", n, len(subs)-1)
	}
}

func TestWhatIsTakenWakesNobodyOnceMore(t *testing.T) {
	h := NewHub()
	s := h.Subscribe("t")
	h.Changed("t", []string{"a"})
	if keys, _ := s.Take(); len(keys) != 1 {
		t.Fatalf("keys %v, want a", keys)
	}
	select {
	case <-s.Ready():
		t.Error("the hint that was taken wakes once more")
	default:
	}
	h.Changed("t", nil)
	if keys, _, hinted := s.take(); !hinted || len(keys) > 0 {
		t.Errorf("of a hint without keys: %v, %v", keys, hinted)
	}
}
