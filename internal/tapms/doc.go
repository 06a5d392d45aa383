// Package tapms is the Tenant and Partition Management System as far as its
// clients see it: which tenants there are and which nodes each one owns.
//
// The original is a Kubernetes operator with a read-only HTTP interface. Here
// tenants are written with PUT and DELETE, an extension, and what is asked for
// (spec) counts at once as what is (status): nothing has to be provisioned.
package tapms
