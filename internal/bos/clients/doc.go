// Package clients makes the ports of package bos of the services' HTTP clients.
package clients
