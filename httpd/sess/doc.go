// Package sess keeps the sessions of one loop: who is connected, who was served
// last, who must be done by when, and the context moored to each of them.
//
// It is a pure data structure. It does no I/O, starts no goroutine, takes no lock
// and reads no clock: times are arguments, durations on whatever monotonic clock
// the caller keeps. A [Table] belongs to the goroutine that runs its loop.
//
// # Slots and names
//
// A table is an array of slots. A [Session] is what a slot holds, at an address
// that never changes; a [Name] is the slot's number and the generation of the
// session in it. Code that may outlive a session keeps its name and asks
// [Table.Lookup], which knows no name of a session that has ended. (ESP-IDF names
// a session by its descriptor or slot, so that a close queued for one session can
// hit the next one in the same place; its issue 19103.)
//
// # Order and deadlines
//
// Two intrusive lists run through the slots. The LRU order holds every session,
// the one whose last completed request is oldest first. A deadline queue holds the
// armed sessions of one timeout class: all of them wait equally long, so each new
// deadline belongs at the tail, and neither a heap nor a timer is needed.
//
// # Life of a session
//
//	Open  (Begin  SetCtx*  Commit)*  Release  End
//
// The context is any value, with a function that frees it. The function runs
// exactly once: when the context has been replaced, or else at Release, which the
// caller owes every session once its socket is closed. Inside a request, from
// Begin to Commit, a replaced context stays usable until Commit; outside it is
// freed at once. End without Release panics, and so does ending a session twice.
//
// # Cost
//
// A slot takes 72 bytes on a 64-bit machine, and slots are allocated 1,024 at a
// time as they are first used. Every operation is O(1), or O(classes) where its
// comment says so, and allocates nothing in blocks already there, except that
// replacing a committed context inside a request puts 24 bytes on the heap.
package sess
