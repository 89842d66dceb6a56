package sess_test

import (
	"fmt"
	"time"

	"moor.example/httpd/sess"
)

// The timeout classes of the examples.
const (
	idle = iota
	head
	numClasses
)

// A sum is kept for as long as its connection lives.
func Example() {
	table := sess.NewTable(1000, numClasses)
	s := table.Open(7)

	for _, n := range []int{1, 2, 3} { // three requests
		s.Begin()
		sum, ok := sess.Ctx[*int](s)
		if !ok {
			sum = new(int)
			s.SetCtx(sum, func(any) { fmt.Println("freed") })
		}
		*sum += n
		fmt.Println(*sum)
		s.Commit()
		table.Touch(s)
	}

	// The socket is closed; then:
	s.Release()
	table.End(s)
	// Output:
	// 1
	// 3
	// 6
	// freed
}

// A name kept too long finds nothing, even when its slot is in use again.
func ExampleTable_Lookup() {
	table := sess.NewTable(1000, numClasses)
	s := table.Open(7)
	name := s.Name()
	fmt.Println(name, table.Lookup(name) != nil)

	s.Release()
	table.End(s)
	s = table.Open(8)
	fmt.Println(s.Name(), table.Lookup(name) != nil)
	// Output:
	// {0 1} true
	// {0 2} false
}

// The loop sleeps until the earliest deadline, and then sees to what has expired.
func ExampleTable_Expired() {
	table := sess.NewTable(1000, numClasses)
	table.Arm(table.Open(7), idle, 60*time.Second)
	table.Arm(table.Open(8), head, 10*time.Second)

	now, _ := table.Next()
	fmt.Println("until", now)
	for s := table.Expired(now); s != nil; s = table.Expired(now) {
		fmt.Println("expired", s.FD())
	}
	// Output:
	// until 10s
	// expired 8
}

// A full table makes room: the oldest session that is not busy goes.
func ExampleTable_Oldest() {
	table := sess.NewTable(3, numClasses)
	for fd := range 3 {
		table.Open(fd)
	}
	busy := func(s *sess.Session) bool { return s.FD() == 0 }
	for s := range table.Oldest() {
		if busy(s) {
			continue
		}
		fmt.Println("purged", s.FD())
		s.Release()
		table.End(s)
		break
	}
	// Output:
	// purged 1
}

// A replaced context lives on to the end of the request that replaced it.
func ExampleSession_SetCtx() {
	s := sess.NewTable(1, numClasses).Open(7)
	free := func(ctx any) { fmt.Println("freed", ctx) }
	s.SetCtx("guest", free)

	s.Begin()
	s.SetCtx("alice", free)
	fmt.Println("now", s.Ctx())
	s.Commit()

	s.Release()
	// Output:
	// now alice
	// freed guest
	// freed alice
}
