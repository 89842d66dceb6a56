package httpd

import (
	"reflect"
	"slices"

	"github.com/valyala/bytebufferpool"

	"moor.example/httpd/parser"
	"moor.example/httpd/sess"
)

// MemoryBound is how many octets of live heap the engine of a server with this
// Config takes at most: slots, the buffers of the loops, MaxBufferBytes and the
// queues. It does not count the system's socket buffers, stacks, routes, what
// handlers hold (a response that they make, contexts, the functions that they
// queue), nor what has been freed and not yet collected. With several loops each
// has slots for all sessions, for they may be dealt out in any way.
func (c Config) MemoryBound() (int64, error) {
	c, err := c.withDefaults()
	if err != nil {
		return 0, err
	}
	slots := int64((c.MaxSessions + connBlock - 1) / connBlock * connBlock)
	// Of a slot: the session, its connection, two buffers without what is in them,
	// two entries of work, and its places in lists, which append makes a quarter
	// longer than they have to be: of names two in the line of those in hand, and
	// two each of those to end and those completed, and two of sockets.
	slot := size[sess.Session]() + size[conn]() + 2*size[bytebufferpool.ByteBuffer]() + 4 + 4 +
		8*size[sess.Name]() + 3*size[socket]()
	exchange := rounded(size[exchange]()) + 2*rounded(int64(c.MaxFields)*size[parser.Field]())
	output := max(mostKept, 2*int64(c.MaxOutputBytes)) // longer by a response, and by what append adds
	loop := slots*slot + loopBuffer + 3*mostKept + output + exchange + 3*int64(c.MaxWork)*size[func()]() + loopMore
	detached := int64(c.MaxDetached) * (exchange + size[Detached]() + size[stream]() + size[date]() + detachedMore)
	places := int64(c.MaxSessions) * (size[place]() + placeMore)
	if c.MaxSessionsPerIP >= c.MaxSessions {
		places = 0
	}
	return int64(c.Loops)*loop + int64(c.MaxBufferBytes) + detached + places + fixed, nil
}

const (
	detachedMore = 1 << 10  // its context and timers, and what it is given to format a Date
	placeMore    = 112      // its entry in the map
	loopMore     = 16 << 10 // itself, its events, its pools
	fixed        = 1 << 20  // what does not grow: the server itself, the pools, the tables
)

func size[T any]() int64 { return int64(reflect.TypeFor[T]().Size()) }

// rounded is what the allocator makes of n octets.
func rounded(n int64) int64 { return int64(cap(slices.Grow([]byte(nil), int(n)))) }
