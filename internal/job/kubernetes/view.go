package kubernetes

import (
	"context"
	"log/slog"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
)

// view is what is known of the executor's Jobs and pods, kept by informers that
// list again and go on after the API server was away.
type view struct {
	namespace  string
	jobs, pods cache.SharedIndexInformer
}

// jobLabel names the Job on its pods.
const jobLabel = "batch.kubernetes.io/job-name"

// byJob is the index of pods.
const byJob = "job"

// relist is how often all of the cache is shown again.
const relist = 10 * time.Minute

// newView returns one that calls wake with the ID of a job of which something is
// new.
func newView(c Cluster, namespace, app string, wake func(id string), log *slog.Logger) (*view, error) {
	v := &view{
		namespace: namespace,
		jobs:      cache.NewSharedIndexInformer(c.Jobs(app), &batchv1.Job{}, relist, cache.Indexers{}),
		pods: cache.NewSharedIndexInformer(c.Pods(app), &corev1.Pod{}, relist, cache.Indexers{byJob: func(o any) ([]string, error) {
			return []string{o.(*corev1.Pod).Labels[jobLabel]}, nil
		}}),
	}
	tell := func(o any) {
		if gone, is := o.(cache.DeletedFinalStateUnknown); is {
			o = gone.Obj
		}
		switch o := o.(type) {
		case *batchv1.Job:
			wake(o.Name)
		case *corev1.Pod:
			wake(o.Labels[jobLabel])
		}
	}
	for _, informer := range []cache.SharedIndexInformer{v.jobs, v.pods} {
		err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
			log.Warn("cannot watch Jobs and pods; will try again", "error", err)
		})
		if err != nil {
			return nil, err
		}
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: tell, UpdateFunc: func(_, o any) { tell(o) }, DeleteFunc: tell}); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (v *view) run(ctx context.Context) {
	go v.jobs.RunWithContext(ctx)
	go v.pods.RunWithContext(ctx)
}

// job is the Job as it was last seen; nil: it was not.
func (v *view) job(id string) *batchv1.Job {
	o, found, err := v.jobs.GetStore().GetByKey(v.namespace + "/" + id)
	if err != nil || !found {
		return nil
	}
	return o.(*batchv1.Job)
}

// seen tells whether what there is has been seen once.
func (v *view) seen() bool { return v.jobs.HasSynced() && v.pods.HasSynced() }

// pod is the Job's newest as it was last seen; nil: it was not.
func (v *view) pod(id string) *corev1.Pod {
	list, err := v.pods.GetIndexer().ByIndex(byJob, id)
	if err != nil {
		return nil
	}
	var newest *corev1.Pod
	for _, o := range list {
		if p := o.(*corev1.Pod); newest == nil || newest.CreationTimestamp.Before(&p.CreationTimestamp) {
			newest = p
		}
	}
	return newest
}
