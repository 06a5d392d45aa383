// Package e2e holds the end-to-end tests: the drover binary as a child
// process, driven through its command line, against a simulated fleet that
// lives in the test and so survives the server's death. git, ansible-playbook
// and SSH are real.
package e2e
