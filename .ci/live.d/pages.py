"""Opens the page of examples/live in two windows of a headless Chromium, and says
what it sees.

pages.py PORT HOST:PORT DIRECTORY PID

PORT is chromedriver's, whose WebDriver protocol is spoken here. HOST:PORT is where
examples/live listens, PID its process, which is told to end at last. The directory
has its log, server.log, and an empty profile for the browser, whose process goes
to the file browser.
"""
import json
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.request

driver, address, directory, server = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


def ask(method, path, **body):
    """A command of WebDriver."""
    data = json.dumps(body).encode() if method == 'POST' else None
    request = urllib.request.Request(f'http://127.0.0.1:{driver}{path}', data, {'Content-Type': 'application/json'}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)['value']
    except urllib.error.HTTPError as refused:
        sys.exit(f'{method} {path}: {json.load(refused)["value"]["message"]}')


def until(what, is_so, patience=10):
    """Looks until something is so, and returns that."""
    end = time.monotonic() + patience
    while not (found := is_so()):
        if time.monotonic() > end:
            sys.exit(f'waited {patience} s for: {what}')
        time.sleep(0.02)
    return found


def logged(line):
    with open(f'{directory}/server.log') as log:
        return re.search(line, log.read())


class Page:
    """The page in a window of its own."""

    def __init__(self, browser, window):
        self.browser, self.window = browser, window
        self.switch()
        ask('POST', f'{browser}/url', url=f'http://{address}/')
        self.listens()

    def listens(self):
        until('the stream is open', lambda: self.text('state') == 'open')
        until('its session is told', lambda: self.text('session') != '…')
        self.session = self.text('session')

    def switch(self):
        ask('POST', f'{self.browser}/window', handle=self.window)

    def element(self, id):
        self.switch()
        found = ask('POST', f'{self.browser}/element', using='css selector', value=f'#{id}')
        return f'{self.browser}/element/{next(iter(found.values()))}'

    def text(self, id):
        return ask('GET', f'{self.element(id)}/text')

    def count(self):
        return int(self.text('count'))

    def click(self, id, times):
        button = self.element(id)
        for _ in range(times):
            ask('POST', f'{button}/click')

    def reaches(self, count):
        until(f'{self.session} counts to {count}', lambda: self.count() >= count)


def see(browser):
    first = Page(browser, ask('GET', f'{browser}/window'))
    first.reaches(4)
    second = Page(browser, ask('POST', f'{browser}/window/new', type='window')['handle'])
    if first.session == second.session:
        sys.exit(f'both pages are of the session {first.session}')
    second.reaches(1)
    until('both know of two pages', lambda: first.text('pages') == second.text('pages') == '2')
    a, b = first.count(), second.count()
    if not a > b:
        sys.exit(f'the first page is at {a}, the second, which began later, at {b}')
    print(f'two pages count, each its own: session {first.session} is at {a}, {second.session} at {b}: ok')

    # Both count on by themselves, so what only one of them gets has to be more
    # than they were apart; and what both get, more than the time could do.
    second.click('one', 20)
    until('the second page is ahead', lambda: second.count() > first.count() + 5)
    a, b = first.count(), second.count()
    began = time.monotonic()
    first.click('all', 60)
    until('what is added to all is added to both', lambda: first.count() >= a + 60 and second.count() >= b + 60)
    if (took := time.monotonic() - began) > 40:
        sys.exit(f'that took {took:.0f} s: they could have counted so far by themselves')
    print(f'one button adds to one page, the other to both: {first.count()} and {second.count()}: ok')

    second.switch()
    ask('DELETE', f'{browser}/window')
    ended = until('the server notices that a page was closed', lambda: logged(f'session {second.session} has ended, its count of [0-9]+ is freed'))
    until('the other page is told', lambda: first.text('pages') == '1')
    print(f'a page is closed, and the server says: {ended[0]}: ok')

    old = first.session
    first.switch()
    ask('POST', f'{browser}/refresh')
    first.listens()
    until('the server notices that a page was left', lambda: logged(f'session {old} has ended'))
    if first.session == old:
        sys.exit('a page that is loaded again has the session of before')
    first.reaches(1)
    print(f'the other is loaded again, and counts in session {first.session}: ok')

    os.kill(server, signal.SIGTERM)
    until('the page notices that the server has gone', lambda: first.text('state') == 'broken')
    print('the server is told to end, and the page sees that: ok')


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('told to end'))
    flags = ['--headless', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run', '--no-proxy-server',
             '--disable-background-networking', '--disable-component-update', '--disable-sync', f'--user-data-dir={directory}/profile']
    if os.geteuid() == 0:
        flags.append('--no-sandbox')  # it has none for root
    session = ask('POST', '/session', capabilities={'alwaysMatch': {'browserName': 'chrome', 'goog:chromeOptions': {'args': flags}}})
    with open(f'{directory}/browser', 'w') as file:
        file.write(str(session['capabilities'].get('goog:processID', '')))
    browser = f'/session/{session["sessionId"]}'
    print(f'{session["capabilities"]["browserName"]} {session["capabilities"]["browserVersion"]}')
    sys.stdout.flush()
    try:
        see(browser)
    finally:
        ask('DELETE', browser)
        os.remove(f'{directory}/browser')


main()
