"""ESP-IDF's client scripts, as far as they talk through http.client, with
their pauses left out and their answers checked.

esp.py adder|advanced|simple HOST:PORT

The second argument is where that example listens.
"""
import http.client
import sys


class Client:
    """One connection. It fails if http.client opens another."""

    def __init__(self, addr):
        self.conn = http.client.HTTPConnection(addr, timeout=15)
        self.conn.connect()
        self.sock = self.conn.sock

    def ask(self, method, path, body=None, headers={}):
        self.conn.request(method, path, body=body, headers=headers)
        if self.conn.sock is not self.sock:
            sys.exit(f'{method} {path}: on another connection')
        response = self.conn.getresponse()
        return response, response.read().decode()

    def wants(self, method, path, body, status, content, headers={}):
        response, got = self.ask(method, path, body, headers)
        if response.status != status or content is not None and got != content:
            sys.exit(f'{method} {path} {body}: {response.status} {got!r:.200}, want {status} {content!r:.200}')
        return response

    def close(self):
        self.conn.close()


def adder(addr):
    """adder.py, with N = 10."""
    client, total = Client(addr), 0
    client.wants('PUT', '/adder', '0', 200, '0')
    for n in range(1, 11):
        total += n
        client.wants('POST', '/adder', str(n), 200, str(total))
    client.wants('GET', '/adder', None, 200, '55')
    client.close()
    print('55')


def advanced(addr):
    """test.py: each function that uses http.client opens its own connection."""
    hello, count = 'Hello World!', 0
    for method, path, body, status, content in [
        ('GET', '/hello', None, 200, hello),
        ('PUT', '/hello', 'Hello', 405, None),
        ('POST', '/hello', 'Hello', 405, None),
        ('POST', '/echo', 'Hello', 200, 'Hello'),
        ('PUT', '/echo', 'Hello', 200, 'Hello'),
        ('GET', '/echo', None, 405, None),
        ('GET', '/hello/type_html', None, 200, hello),
        ('GET', '/hello/status_500', None, 500, hello),
        ('GET', '/false_uri', None, 404, None),
        ('GET', '/dummy', None, 404, None),
        ('POST', '/hello', None, 405, None),
        ('POST', '/echo', 'x' * (50 << 10), 200, 'x' * (50 << 10)),
    ]:
        client = Client(addr)
        response = client.wants(method, path, body, status, content)
        if content == hello and response.getheader('Content-Type') != 'text/html':
            sys.exit(f'{path}: the type is {response.getheader("Content-Type")}')
        client.close()
        count += 1

    # Six on one connection. test.py wants the white space behind a value, which
    # is no part of it (RFC 9112 5.1).
    client = Client(addr)
    for value in ['', '  ', 'Value2', '   Value2', 'Value2  ', '  Value2  ']:
        headers = {'Header1': 'Value1', 'Header3': 'Value3', 'Header2': value}
        client.wants('GET', '/test_header', None, 200, value.strip(), headers)
    client.close()

    client = Client(addr)
    body = 'abcdefghijklmnopqrstuvwxyz\r\nabcdefghijklmnopqrstuvwxyz'
    client.wants('POST', '/leftover_data', body, 200, 'abcdefghij')
    client.wants('GET', '/hello', None, 200, hello)
    client.wants('POST', '/false_uri', body, 404, None)
    client.close()
    client = Client(addr)
    client.wants('GET', '/hello', None, 200, hello)
    client.close()
    print(f'{count} requests, 6 headers, leftover data')


def simple(addr):
    """client.py: test_get_handler, test_post_handler, test_put_handler."""
    client = Client(addr)
    headers = {'Custom': 'SomeValue', 'Test-Header-1': 'Test-Value-1', 'Test-Header-2': 'Test-Value-2'}
    response = client.wants('GET', '/hello?query1=value1&query2=value2&query3=value3', None, 200, 'Hello World!', headers)
    for name in ['1', '2']:
        if response.getheader(f'Custom-Header-{name}') != f'Custom-Value-{name}':
            sys.exit(f'/hello: the fields are {response.getheaders()}')
    client.wants('POST', '/echo', 'Some content', 200, 'Some content')
    client.close()

    client = Client(addr)
    client.wants('PUT', '/ctrl', '0', 200, '')
    client.wants('GET', '/hello', None, 404, '/hello URI is not available')
    client.wants('POST', '/echo', 'Some content', 404, '/echo URI is not available')
    try:
        client.ask('POST', '/echo', 'Some content')
        sys.exit('the connection was not closed by the server')
    except (http.client.HTTPException, BrokenPipeError):  # a plain reset would not do
        pass
    client.close()

    client = Client(addr)
    client.wants('PUT', '/ctrl', '1', 200, '')
    client.wants('GET', '/hello', None, 200, 'Hello World!')
    client.wants('POST', '/echo', 'Some content', 200, 'Some content')
    client.close()
    print('get, post, put')


{'adder': adder, 'advanced': advanced, 'simple': simple}[sys.argv[1]](sys.argv[2])
