package httpd

import (
	"net"
	"net/netip"
	"sync"
)

// A place is how many sessions the peers at one address have.
type place struct {
	at netip.Prefix
	n  int
}

// hosts counts the sessions of each address: an IPv4 address, or an IPv6 /64,
// which is what one customer has. It is for loop 0 to count and for every loop
// to count off.
type hosts struct {
	most int // 0: nothing is counted
	mu   sync.Mutex
	at   map[netip.Prefix]*place
}

// admit counts one more session of the peer of fd, and reports false if it may
// not have one. Peers without an IP address are not counted.
func (p *hosts) admit(k kernel, fd int) (*place, bool) {
	if p.most == 0 {
		return nil, true
	}
	tcp, is := k.Peer(fd).(*net.TCPAddr)
	if !is {
		return nil, true
	}
	addr := tcp.AddrPort().Addr().Unmap()
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	at, err := addr.Prefix(bits) // without its zone
	if err != nil {
		return nil, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	here := p.at[at]
	if here == nil {
		here = &place{at: at}
		p.at[at] = here
	}
	if here.n >= p.most {
		return nil, false
	}
	here.n++
	return here, true
}

// leave counts one off.
func (p *hosts) leave(here *place) {
	if here == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if here.n--; here.n == 0 {
		delete(p.at, here.at)
	}
}
