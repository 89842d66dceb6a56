// Node's http agent against examples/echo, all on one connection.
//
// node client.js HOST:PORT CONTENT-FILE
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const { Readable } = require('node:stream');

const [addr, file] = process.argv.slice(2);
const octets = fs.readFileSync(file);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const sockets = new Set();

// ask makes a request; send writes its content and ends it.
function ask(method, path, headers, send) {
	return new Promise((resolve, reject) => {
		const req = http.request(`http://${addr}${path}`, { method, headers, agent, timeout: 20000 });
		req.on('error', reject);
		req.on('timeout', () => req.destroy(new Error(`${method} ${path}: no answer`)));
		req.on('socket', (socket) => sockets.add(socket));
		req.on('response', async (res) => {
			try {
				const parts = [];
				for await (const part of res) parts.push(part);
				assert.equal(res.statusCode, 200, `${method} ${path}`);
				assert.equal(req.reusedSocket, path !== '/first', `${method} ${path}: is its socket an old one`);
				resolve({ headers: res.headers, content: Buffer.concat(parts) });
			} catch (err) {
				reject(err);
			}
		});
		send(req);
	});
}

// check wants the request echoed. trailers are pairs.
function check(answer, method, target, content, trailers = []) {
	const got = JSON.parse(answer.content);
	const decoded = content.toString();
	const text = Buffer.from(decoded).equals(content) ? decoded : '';
	const about = `${method} ${target}`;
	assert.equal(got.method, method, about);
	assert.equal(got.target, target, about);
	assert.equal(got.version, 'HTTP/1.1', about);
	assert.equal(got.content, text, about);
	assert.ok(Buffer.from(got.body_b64, 'base64').equals(content), `${about}: other content`);
	assert.deepEqual(got.trailers, trailers, about);
	return got;
}

async function main() {
	const none = Buffer.alloc(0), text = Buffer.from('grüße');
	check(await ask('GET', '/first', {}, (req) => req.end()), 'GET', '/first', none);
	check(await ask('PUT', '/text', {}, (req) => req.end(text)), 'PUT', '/text', text);

	const parts = [octets.subarray(0, 1), octets.subarray(1, 70000), octets.subarray(70000)];
	const chunked = await ask('POST', '/chunked', {}, (req) => Readable.from(parts).pipe(req));
	const got = check(chunked, 'POST', '/chunked', octets);
	assert.ok(got.headers.some(([k, v]) => k === 'Transfer-Encoding' && v === 'chunked'), 'it was not chunked');

	let continued = false;
	const expect = { Expect: '100-continue', 'Content-Length': octets.length };
	const expected = await ask('POST', '/expect', expect, (req) => {
		req.on('continue', () => {
			continued = true;
			req.end(octets);
		});
		req.flushHeaders();
	});
	assert.ok(continued, 'no 100');
	check(expected, 'POST', '/expect', octets);

	const trailers = await ask('POST', '/trailers', { Trailer: 'Sum, A' }, (req) => {
		req.write(text);
		req.addTrailers([['Sum', 'x y'], ['A', '1']]);
		req.end();
	});
	check(trailers, 'POST', '/trailers', text, [['Sum', 'x y'], ['A', '1']]);

	const head = await ask('HEAD', '/head', {}, (req) => req.end());
	assert.equal(head.content.length, 0, 'HEAD has content');
	assert.ok(head.headers['content-length'] > 0, 'HEAD has no length');

	check(await ask('GET', '/last?q=1', {}, (req) => req.end()), 'GET', '/last?q=1', none);
	assert.equal(sockets.size, 1, 'sockets');
	agent.destroy();
	console.log('keep-alive, chunked, expect, trailers, head');
}

main().catch((err) => {
	console.error(err.message);
	process.exit(1);
});
