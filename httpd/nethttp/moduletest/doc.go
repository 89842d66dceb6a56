// Package moduletest shows that handlers of others run under moor, unchanged: a
// router, and an upgrade to WebSocket by a library that takes the connection over.
// It is a module of its own, so that nothing of theirs reaches a user of moor.
package moduletest
