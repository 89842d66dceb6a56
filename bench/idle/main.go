// Command idle holds connections that have made one request each and are silent
// since. It says "ready" when all are there, and ends them when its standard
// input ends. It is a process of its own, since a process may have no more than
// so many descriptors.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// sources is how many addresses of this machine the connections come from: each
// has ports of its own.
const sources = 8

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "of the server")
	count := flag.Int("n", 15000, "how many connections")
	flag.Parse()
	to, err := netip.ParseAddrPort(*addr)
	if err != nil {
		log.Fatal(err)
	}
	for i := range *count {
		if err := open(to, i); err != nil {
			log.Fatalf("connection %d: %v", i, err)
		}
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

var request = []byte("GET /plaintext HTTP/1.1\r\nHost: idle\r\n\r\n")

// open makes a connection and a request, and leaves it open.
func open(to netip.AddrPort, i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	// The port is chosen when it is known where the connection goes.
	unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	from := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + i%sources)}}
	if err := unix.Bind(fd, from); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return os.NewSyscallError("connect", err)
	}
	if _, err := unix.Write(fd, request); err != nil {
		return os.NewSyscallError("write", err)
	}
	var answer []byte
	piece := make([]byte, 1024)
	for !bytes.HasSuffix(answer, []byte("Hello, World!")) {
		n, err := unix.Read(fd, piece)
		if err != nil {
			return os.NewSyscallError("read", err)
		}
		if n == 0 {
			return fmt.Errorf("closed after %q", answer)
		}
		answer = append(answer, piece[:n]...)
	}
	return nil
}
