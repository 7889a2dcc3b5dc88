import { defineInput } from '../../component/input.ts';
import { RelayError } from '../../errors.ts';
import { parseListenUrl } from '../../io/listen-url.ts';
import { HarborSilence } from './harbor-silence.ts';
import { zoneOffset } from './local-time.ts';
import { options } from './options.ts';
import { SyslogRecords } from './record.ts';
import { SyslogStreamInput } from './stream.ts';
import { SyslogUdpInput } from './udp.ts';

export const syslog = defineInput({
  type: 'syslog',
  stability: 'stable',
  summary: 'Receives syslog over UDP, TCP and TLS: RFC 5424, RFC 3164 and what devices make of them.',
  notes: [
    'On TCP and TLS, octet counting and messages ended by LF or NUL are told apart for each message. On UDP a datagram is a message.',
    'Syslog has no acknowledgement. While the journal is busy TCP senders are made to wait; UDP datagrams are held up to `backlog_bytes_max`. ' +
      'What is dropped, by the relay or by the kernel, is counted with its reason.',
    'What is not understood is stored whole, flagged `unparsed`. The exact bytes of every line can be had back: from `event.original`, from ' +
      '`spillway.original_base64` where they are not UTF-8, and otherwise from the fields.',
    'A line without a year gets the one that makes it at most a month newer than its arrival. A date that does not exist is not guessed at: the ' +
      'record then has its time of arrival and the flag `time_invalid`.',
    'Lines of Harbor’s audit log become records of `harbor.audit`, with fields of their own, whatever `dataset` is: see docs/harbor.md.',
    'For more than 50,000 datagrams a second, allow the kernel a larger buffer (`sysctl -w net.core.rmem_max=4194304`), and set ' +
      '`receive_threads: 1`.',
  ],
  options,
  create(given, context) {
    const listen = parseListenUrl(given.listen, ['tcp', 'tls', 'udp']);
    if (typeof listen === 'string') throw new RelayError('CONFIG_INVALID', listen);
    const zone = zoneOffset(given.time_zone);
    if (zone === undefined) throw new RelayError('CONFIG_INVALID', `"${given.time_zone}" is no time zone`);
    const silence = new HarborSilence(context, given.harbor.silence_warning_ms);
    const records = new SyslogRecords({
      context,
      dataset: context.dataset(given.dataset),
      keepOriginal: given.keep_original,
      zone,
      harbor: given.harbor,
      heardHarbor: () => silence.heard(),
    });
    const input =
      listen.scheme === 'udp'
        ? new SyslogUdpInput(listen, given, context, records)
        : new SyslogStreamInput(listen, given, context, records);
    return {
      async start() {
        const address = await input.start();
        silence.start();
        return address;
      },
      stop() {
        silence.stop();
        return input.stop();
      },
    };
  },
});
