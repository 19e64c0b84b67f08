// @diva.exchange/i2p-sam at work: HOST_A HOST_B PORT. It forwards at A and asks from B. The last line
// is JSON with what it got.
import net from 'node:net';
import { createForward, createStream } from '@diva.exchange/i2p-sam';

const [hostA, hostB, port] = process.argv.slice(2);
const session = { options: 'inbound.length=2 outbound.length=2 i2cp.leaseSetEncType=4' };

const service = net.createServer((socket) => {
  socket.on('data', (data) => socket.write(data.toString().toUpperCase()));
  socket.on('error', () => {});
});
await new Promise((resolve) => service.listen(0, '127.0.0.1', resolve));

const serving = await createForward({
  session,
  sam: { host: hostA, portTCP: Number(port) },
  forward: { host: '127.0.0.1', port: service.address().port, silent: true },
});

const ask = async () => {
  const stream = await createStream({
    session,
    sam: { host: hostB, portTCP: Number(port) },
    stream: { destination: serving.getPublicKey() },
  });
  return new Promise((resolve, reject) => {
    stream.on('data', (data) => resolve(data.toString()));
    stream.on('error', reject);
    stream.stream(Buffer.from('i2p-sam'));
  });
};

let heard = null;
for (let tries = 0; heard === null && tries < 6; tries++) {
  try {
    heard = await ask();
  } catch (error) {
    console.log(String(error));
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}
console.log(JSON.stringify(heard));
process.exit(0);
