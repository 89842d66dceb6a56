"""Python's http.client against examples/echo, all on one connection.

client.py HOST:PORT CONTENT-FILE
"""
import http.client
import sys

from echoed import check


def main(addr, file):
    with open(file, 'rb') as f:
        octets = f.read()
    conn = http.client.HTTPConnection(addr, timeout=20)
    conn.connect()
    sock = conn.sock

    def answer(method):
        response = conn.getresponse()
        content = response.read()
        if response.status != 200:
            sys.exit(f'{method}: {response.status} {content!r:.200}')
        if conn.sock is not sock:
            sys.exit(f'{method}: the connection did not last')
        return response, content

    def ask(method, target, body=None, **want):
        conn.request(method, target, body)
        check(answer(method)[1], method, target, **want)

    ask('GET', '/get?q=1', fields=[('Host', addr)])
    ask('POST', '/text', 'grüße'.encode(), content='grüße'.encode(), fields=[('Content-Length', '7')])
    ask('PUT', '/octets', octets, content=octets)

    # An iterable has no length, so it goes out chunked, a chunk for an item.
    parts = [octets[:1], octets[1:70000], octets[70000:]]
    ask('POST', '/chunked', iter(parts), content=octets, fields=[('Transfer-Encoding', 'chunked')])

    begin(conn, '/expect', ('Expect', '100-continue'), ('Content-Length', str(len(octets))))
    interim = b''
    while not interim.endswith(b'\r\n\r\n'):
        octet = sock.recv(1)  # no further than the interim answer
        if not octet:
            sys.exit(f'closed after {interim!r} to Expect')
        interim += octet
    if not interim.startswith(b'HTTP/1.1 100 '):
        sys.exit(f'{interim!r} to Expect, want 100')
    conn.send(octets)
    check(answer('Expect')[1], 'POST', '/expect', octets)

    begin(conn, '/trailers', ('Transfer-Encoding', 'chunked'))
    conn.send(b'5\r\nhello\r\n0\r\nA: 1\r\nSum: x y\r\nA: 2\r\n\r\n')
    check(answer('trailers')[1], 'POST', '/trailers', b'hello', trailers=[('A', '1'), ('Sum', 'x y'), ('A', '2')])

    conn.request('HEAD', '/head')
    response, content = answer('HEAD')
    if content or int(response.headers['Content-Length']) == 0:
        sys.exit(f'HEAD: content {content!r}, fields {response.headers.items()}')

    ask('GET', '/last')
    conn.close()
    print('keep-alive, chunked, expect, trailers, head')


def begin(conn, target, *fields):
    conn.putrequest('POST', target)
    for name, value in fields:
        conn.putheader(name, value)
    conn.endheaders()


main(*sys.argv[1:])
