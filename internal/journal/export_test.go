package journal

import "context"

var (
	Encode = func(entries []Entry) []byte {
		lines := make([]line, len(entries))
		for i, e := range entries {
			_, seq, _ := placeOf(e.Node, e.Key)
			lines[i] = line{Entry: e, seq: seq}
		}
		sortLines(lines)
		return encode(lines)
	}
	Decode   = decode
	EntryKey = entryKey
)

// Find tells which segments List reads.
func (j *Journal) Find(ctx context.Context, node, after string) ([]string, error) {
	return j.find(ctx, node, after)
}

// WriteTwice writes the entries as it happens when a commit is not answered.
func (j *Journal) WriteTwice(ctx context.Context, entries ...Entry) error {
	lines := make([]line, len(entries))
	for i, e := range entries {
		lines[i] = j.line(e)
	}
	if err := j.write(ctx, lines); err != nil {
		return err
	}
	return j.write(ctx, append(lines, j.line(entries[0])))
}

// MoveFormer is part of what Run does.
func (j *Journal) MoveFormer(ctx context.Context) error { return j.moveFormer(ctx) }
