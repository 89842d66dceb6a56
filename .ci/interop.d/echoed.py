"""Compares an answer of examples/echo with the request that was made.

echoed.py FILE METHOD TARGET CONTENT-FILE [NAME:VALUE ...]
"""
import base64
import json
import sys


def check(answer, method, target, content=b'', fields=(), trailers=(), version='HTTP/1.1'):
    """answer is what echo said to a request with (at least) these fields."""
    got = json.loads(answer)

    def same(name, want):
        if got[name] != want:
            sys.exit(f'{method} {target}: {name} is {got[name]!r:.200}, want {want!r:.200}')

    same('method', method)
    same('target', target)
    same('target_b64', base64.b64encode(target.encode()).decode())
    same('version', version)
    same('body_b64', base64.b64encode(content).decode())
    same('trailers', [list(pair) for pair in trailers])
    try:
        same('content', content.decode())
    except UnicodeDecodeError:
        same('content', '')
    same('headers_b64', [[k, base64.b64encode(v.encode()).decode()] for k, v in got['headers']])
    for pair in fields:
        if got['headers'].count(list(pair)) != 1:
            sys.exit(f'{method} {target}: {pair} is not once in {got["headers"]}')


def main(file, method, target, content, *fields):
    pairs = [f.split(':', 1) for f in fields]
    version = dict(pairs).get('version', 'HTTP/1.1')
    pairs = [p for p in pairs if p[0] != 'version']
    with open(file, 'rb') as answer, open(content, 'rb') as sent:
        check(answer.read(), method, target, sent.read(), pairs, version=version)


if __name__ == '__main__':
    main(*sys.argv[1:])
