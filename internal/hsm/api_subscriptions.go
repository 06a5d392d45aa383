package hsm

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/drover-hpc/drover/internal/httpapi"
)

type (
	// subscriptionBody is a subscription as it is sent and, by its ID, answered.
	subscriptionBody struct {
		Subscriber string `json:"Subscriber,omitempty" doc:"Who it is, such as service@host"`
		URL        string `json:"Url,omitempty" doc:"Where to POST to, http or https"`
		SubscriptionWishes
	}
	subscribeInput        struct{ Body subscriptionBody }
	subscriptionOutput    struct{ Body Subscription }
	subscriptionsOutput   struct{ Body subscriptionArray }
	subscriptionOneOutput struct{ Body subscriptionBody }
	subscriptionArray     struct {
		SubscriptionList []Subscription `json:"SubscriptionList" nullable:"false"`
	}
	subscriptionInput struct {
		ID string `path:"id" doc:"ID of the subscription"`
	}
	putSubscriptionInput struct {
		ID   string `path:"id" doc:"ID of the subscription"`
		Body subscriptionBody
	}
	patchSubscriptionInput struct {
		ID   string `path:"id" doc:"ID of the subscription"`
		Body struct {
			Op string `json:"Op,omitempty" enum:"add,remove,replace" doc:"What to do with what is given"`
			SubscriptionWishes
		}
	}
)

func (b subscriptionBody) subscription() Subscription {
	return Subscription{Subscriber: b.Subscriber, URL: b.URL, SubscriptionWishes: b.SubscriptionWishes}
}

func registerSubscriptions(api huma.API, s *Service) {
	const tag, path = "SCN", "/Subscriptions/SCN"
	httpapi.Handle(api, operation("list-subscriptions", http.MethodGet, path, "List subscriptions to state change notifications", tag),
		func(ctx context.Context, _ *nothing) (*subscriptionsOutput, error) {
			all, err := s.Subscriptions(ctx)
			return &subscriptionsOutput{subscriptionArray{all}}, err
		})
	httpapi.Handle(api, answering(operation("create-subscription", http.MethodPost, path, "Subscribe to state change notifications", tag), http.StatusOK),
		func(ctx context.Context, in *subscribeInput) (*subscriptionOutput, error) {
			sub, err := s.Subscribe(ctx, in.Body.subscription())
			return &subscriptionOutput{sub}, err
		})
	httpapi.Handle(api, answering(operation("delete-subscriptions", http.MethodDelete, path, "Delete all subscriptions", tag), http.StatusOK),
		func(ctx context.Context, _ *nothing) (*messageOutput, error) {
			n, err := s.Unsubscribe(ctx, nil)
			return counted("deleted", n, err)
		})
	httpapi.Handle(api, operation("get-subscription", http.MethodGet, path+"/{id}", "Describe a subscription", tag),
		func(ctx context.Context, in *subscriptionInput) (*subscriptionOneOutput, error) {
			sub, err := s.Subscription(ctx, in.ID)
			return &subscriptionOneOutput{subscriptionBody{sub.Subscriber, sub.URL, sub.SubscriptionWishes}}, err
		})
	httpapi.Handle(api, answering(operation("put-subscription", http.MethodPut, path+"/{id}", "Replace a subscription", tag), http.StatusNoContent),
		func(ctx context.Context, in *putSubscriptionInput) (*nothing, error) {
			return nil, s.ReplaceSubscription(ctx, in.ID, in.Body.subscription())
		})
	httpapi.Handle(api, answering(operation("patch-subscription", http.MethodPatch, path+"/{id}", "Change a subscription", tag), http.StatusNoContent),
		func(ctx context.Context, in *patchSubscriptionInput) (*nothing, error) {
			return nil, s.PatchSubscription(ctx, in.ID, in.Body.Op, in.Body.SubscriptionWishes)
		})
	httpapi.Handle(api, answering(operation("delete-subscription", http.MethodDelete, path+"/{id}", "Delete a subscription", tag), http.StatusOK),
		func(ctx context.Context, in *subscriptionInput) (*messageOutput, error) {
			n, err := s.Unsubscribe(ctx, []string{in.ID})
			return deleted(n, err, errNoEntries)
		})
}
