// Stands in for /api while single pages are tested: answers from answers.mjs, remembers what it was asked, and can be told to fail.

import * as answers from './answers.mjs';

/** Answers that stay the same whatever was done. */
const FIXED = {
  '/api/wrap': { study: '2.25.900', series: '2.25.905', sop: '2.25.906', sop_class: '1.2', kind: 'jpeg' },
  '/api/destinations': { destinations: [{ name: 'NEURO', description: 'Neurología' }] },
  '/dicomweb/studies': answers.archive.studies,
  '/dicomweb/studies/2.25.900/series': answers.archive.series,
  '/dicomweb/studies/2.25.900/series/2.25.902/metadata': answers.archive.keys,
  '/api/worklist': { items: answers.worklist },
  '/api/departments/radiology': answers.department,
  '/api/ledger': answers.ledger,
  '/api/indicators': answers.indicators,
  '/api/rooms': answers.rooms,
  '/api/free-times': answers.freeTimes,
  '/api/readers': answers.readers,
  '/api/clinicians': answers.clinicians,
  '/api/report-templates': { templates: answers.templates },
  '/api/me': answers.me,
};

/** A stand-in with its own state; give `answer` to `serve`. */
export function standIn() {
  const state = { session: answers.session(null), reports: new Map(), asked: [], fail: null, consents: structuredClone(answers.consents), totp: '123456' };
  const refuse = (status, code, text) => ({ status, body: { code, text } });
  const row = (uid) => answers.worklist.find((item) => item.study_uid === uid);
  const study = (uid) => answers.study(row(uid), state.reports.has(uid) ? { report: state.reports.get(uid), state: state.reports.get(uid).status === 'preliminary' ? 'preliminary' : 'final', mine: true } : {});

  function writeReport(uid, body) {
    const old = state.reports.get(uid) ?? null;
    if ((old?.version ?? null) !== body.version) return refuse(409, 'conflict', 'Alguien más hizo un cambio antes.');
    if (body.action !== 'save' && body.second_factor?.totp !== state.totp) return refuse(401, 'second_factor_wrong', 'El código no es correcto.');
    const report = { ...answers.report, assessment: body.assessment, earlier: [], status: { save: 'preliminary', sign: 'final', amend: 'amended' }[body.action], version: (old?.version ?? 0) + 1, template: body.template, sections: body.sections, conclusion: body.conclusion };
    state.reports.set(uid, report);
    return { body: report };
  }
  function signIn(body) {
    if (body.password !== 'una frase larga') return refuse(401, 'bad_credentials', 'La cuenta o la contraseña no son correctas.');
    if (!body.totp) return refuse(401, 'totp_required', 'Falta el segundo factor.');
    if (body.totp !== state.totp) return refuse(401, 'totp_wrong', 'El código no es correcto.');
    state.session = answers.session(['radiologist']);
    return { body: state.session };
  }
  function changeConsent({ permit, clues, data_class }) {
    const entry = state.consents.closed.find((c) => c.clues === clues);
    entry.data_classes = entry.data_classes.filter((c) => c !== data_class);
    if (!permit) entry.data_classes.push(data_class);
    return { body: state.consents };
  }
  const lists = { accesses: answers.accesses, notices: answers.notices, peers: answers.peers, users: answers.users, links: answers.links, systems: answers.systems, apps: answers.apps, institutions: answers.institutions, queues: answers.queues, messages: answers.messages, status: answers.status };

  function of(method, path, body) {
    if (FIXED[path]) return { body: FIXED[path] };
    if (path === '/api/session') return { body: state.session };
    if (path === '/api/sign-in') return signIn(body);
    if (path === '/api/sign-in/second-factor') return signIn({ password: 'una frase larga', ...body });
    if (path.startsWith('/api/admin/coercion-trial')) return { body: answers.trial };
    if (/^\/api\/admin\/coercion-rules\/[\w.-]+\/active$/.test(path)) return (state.ruleActive = body.active), { body: { ...answers.rules.rules[0], active: body.active } };
    if (path === '/api/admin/coercion-rules') return { body: { rules: answers.rules.rules.map((r) => ({ ...r, active: state.ruleActive ?? r.active })) } };
    if (path === '/api/admin/routes') return method === 'PUT' ? { body } : { body: answers.routes };
    if (path.startsWith('/api/apps/')) return { body: path === '/api/apps/let-in' ? { redirect: '/#/alertas' } : answers.asking };
    if (path.endsWith('/send')) return { body: { objects: 3 } };
    if (path.endsWith('/rejected')) return { body: state.restored ? { objects: [] } : answers.archive.rejected };
    if (path.endsWith('/reject')) return { body: { note: '2.25.904' } };
    if (path.endsWith('/restore')) return (state.restored = true), { body: { objects: 1 } };
    if (path === '/api/cases') return { body: { items: answers.worklist.filter((i) => !state.excused?.has(i.study_uid) && i.state === 'to-read') } };
    if (path === '/api/appointments') return { body: { lines: answers.board.lines.map((l) => ({ ...l, ...state.appointments?.get(l.visible?.id) })) } };
    if (/^\/api\/appointments\/\w+\/move$/.test(path)) return (state.appointments ??= new Map()).set(path.split('/')[3], body.event === 'move' ? { day: '2026-11-24', start: body.start.slice(11, 16) } : { status: { arrive: 'arrived', cancel: 'cancelled', 'no-show': 'noshow' }[body.event] }), { body: { id: path.split('/')[3] } };
    if (path === '/api/notices') return { body: { notices: answers.staffNotices.notices.map((n) => ({ ...n, unread: n.unread && !state.read })) } };
    if (path === '/api/notices/read') return (state.read = true), { status: 204 };
    if (path === '/api/identity/pairs') { const pairs = answers.identity.pairs.filter((p) => !state.decided?.has(p.records[0].id)); return { body: { pairs, total: pairs.length } }; }
    if (path === '/api/identity/decision') return (state.decided ??= new Set()).add(body.a), { status: 204 };
    if (path === '/api/critical') return { body: { items: answers.critical.items.filter((i) => i.id !== state.heard) } };
    if (/^\/api\/critical\/\w+\/heard$/.test(path)) return (state.heard = path.split('/')[3]), { body: { id: state.heard } };
    if (path.endsWith('/critical')) return { body: { id: 'c3' } };
    if (path.endsWith('/move') && body.event === 'hand-over') return { body: row(path.split('/')[3]) };
    if (path.endsWith('/move')) return body.reason?.length >= 10 ? ((state.excused ??= new Set()).add(path.split('/')[3]), { body: row(path.split('/')[3]) }) : refuse(400, 'invalid', 'Escriba el motivo.');
    if (path === '/api/national/query') return { body: answers.national('TREAT') };
    if (path === '/api/national/emergency') return body.second_factor?.totp === state.totp ? { body: answers.national('ETREAT') } : refuse(401, 'second_factor_wrong', 'El código no es correcto.');
    if (path === '/api/emergencies') return { body: { items: answers.emergencies.items.filter((i) => i.id !== state.reviewed?.id) } };
    if (/^\/api\/emergencies\/\w+\/review$/.test(path)) return (state.reviewed = { id: path.split('/')[3], ...body }), { status: 204 };
    if (path === '/api/me/representatives') return { body: { ...answers.representatives, mine: answers.representatives.mine.map((r) => ({ ...r, in_force: !state.ended, can_end: !state.ended })) } };
    if (path === '/api/me/representatives/r1/end') return (state.ended = true), { status: 204 };
    if (path === '/api/me/consents') return method === 'POST' ? changeConsent(body) : { body: state.consents };
    if (path === '/api/me/notices/read' || path === '/api/sign-out' || path.endsWith('/revoke') || path.endsWith('/retry')) return { status: 204 };
    const [, uid, rest] = /^\/api\/studies\/([^/]+)(\/\w+)?$/.exec(path) ?? [];
    if (uid && row(uid)) return rest === '/report' ? writeReport(uid, body) : { body: rest === '/claim' ? row(uid) : study(uid) };
    const list = lists[/^\/api\/(?:me|admin)\/([a-z-]+)$/.exec(path)?.[1] ?? ''];
    return list ? { body: list } : refuse(404, 'not_found', 'No se encontró lo que busca.');
  }

  function answer(request, response) {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    if (!path.startsWith('/api/') && !path.startsWith('/dicomweb/')) return false;
    if (path.endsWith('/thumbnail')) {
      response.writeHead(200, { 'content-type': 'image/gif' });
      response.end(Buffer.from('R0lGODlhAQABAAAAACwAAAAAAQABAAA=', 'base64'));
      return true;
    }
    let text = '';
    request.on('data', (part) => (text += part));
    request.on('end', () => {
      const body = text && request.headers['content-type']?.includes('json') ? JSON.parse(text) : null;
      state.asked.push({ method: request.method, url: request.url, path, body, csrf: request.headers['x-csrf-token'], inPlace: request.headers['x-badiano-in-place-of'], language: request.headers['accept-language'] });
      const given = state.fail?.(path) ?? of(request.method, path, body);
      response.writeHead(given.status ?? 200, { 'content-type': 'application/json' });
      response.end(given.status === 204 ? '' : JSON.stringify(given.body));
    });
    return true;
  }
  return { state, answer };
}
