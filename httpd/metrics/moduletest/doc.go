// Package moduletest reads the page of package metrics with Prometheus' own
// parser. It is a module of its own, so that nothing of theirs reaches a user of
// moor.
package moduletest
