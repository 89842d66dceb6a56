package httpd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// An address is where a server listens: an IP address and port, or the path
// of a Unix socket.
type address struct {
	text string     // as given
	ip   netip.Addr // not valid: every address of both families
	zone uint32     // interface index of a link-local IPv6 address
	port int
	path string // of a Unix socket; "@name" is one without a file
}

// parseAddress reads "host:port", "[::1]:port", ":port" or "unix:/path".
// A host name is looked up.
func parseAddress(text string) (address, error) {
	a := address{text: text}
	if path, is := strings.CutPrefix(text, "unix:"); is {
		if path == "" {
			return a, errors.New(`httpd: Addr "unix:" has no path`)
		}
		a.path = path
		return a, nil
	}
	tcp, err := net.ResolveTCPAddr("tcp", text)
	if err != nil {
		return a, fmt.Errorf("httpd: Addr %q: want host:port, :port or unix:/path: %w", text, err)
	}
	a.port = tcp.Port
	if ip, is := netip.AddrFromSlice(tcp.IP); is {
		a.ip = ip.Unmap()
	}
	if tcp.Zone != "" {
		ifc, err := net.InterfaceByName(tcp.Zone)
		if err != nil {
			return a, fmt.Errorf("httpd: Addr %q: %w", text, err)
		}
		a.zone = uint32(ifc.Index)
	}
	return a, nil
}

// anyIP reports whether the address is every address of both families.
func (a address) anyIP() bool { return a.path == "" && !a.ip.IsValid() }

func (a address) tcp() *net.TCPAddr {
	return &net.TCPAddr{IP: a.ip.AsSlice(), Port: a.port}
}

func (a address) String() string { return a.text }
