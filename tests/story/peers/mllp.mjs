// HL7 v2 over MLLP as other people's systems speak it: a sender, and a listener that takes results and acknowledges them.

import { connect, createServer } from 'node:net';

const START = 0x0b;
const END = Buffer.from([0x1c, 0x0d]);

const framed = (message) => Buffer.concat([Buffer.from([START]), message, END]);

/** Sends one message over a connection of its own; the acknowledgement as text. */
export function send({ host, port }, message, { ms = 20_000 } = {}) {
  return new Promise((done, fail) => {
    const socket = connect(port, host);
    let taken = Buffer.alloc(0);
    socket.setTimeout(ms, () => socket.destroy(new Error('MLLP: no acknowledgement in time')));
    socket.once('error', fail);
    socket.once('connect', () => socket.write(framed(message)));
    socket.on('data', (chunk) => {
      taken = Buffer.concat([taken, chunk]);
      const at = taken.indexOf(END);
      if (at < 0) return;
      socket.end();
      done(taken.subarray(1, at).toString('utf8'));
    });
    socket.once('close', () => fail(new Error('MLLP: closed without an acknowledgement')));
  });
}

/** Segments of a message, each as its fields; MSH counts its separator as the standard does. */
export function segments(message) {
  return message.split(/[\r\n]+/).filter(Boolean).map((line) => {
    const fields = line.split('|');
    return fields[0] === 'MSH' ? ['MSH', '|', ...fields.slice(1)] : fields;
  });
}

/** Takes messages on a port, keeps them and answers AA. */
export class Listener {
  constructor(port) {
    this.messages = [];
    this.server = createServer((socket) => {
      let taken = Buffer.alloc(0);
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        taken = Buffer.concat([taken, chunk]);
        for (let at = taken.indexOf(END); at >= 0; at = taken.indexOf(END)) {
          const text = taken.subarray(taken.indexOf(START) + 1, at).toString('utf8');
          taken = taken.subarray(at + END.length);
          this.messages.push(text);
          socket.write(framed(Buffer.from(this.#acknowledgement(text))));
        }
      });
    });
    this.listening = new Promise((tell, fail) => this.server.once('error', fail).listen(port, '127.0.0.1', tell));
  }

  #acknowledgement(text) {
    const [header] = segments(text);
    const from = `${header[5]}|${header[6]}|${header[3]}|${header[4]}`;
    return `MSH|^~\\&|${from}|20260101000000||ACK|A${this.messages.length}|P|2.5.1\rMSA|AA|${header[10]}\r`;
  }

  close() { this.server.close(); }
}
