// Answers in the shapes of src/api.ts, for tests of single pages; no server is behind them and none of it is a real person.

const NOW = Date.now();
const before = (hours) => new Date(NOW - hours * 3_600_000).toISOString();
const uid = (n) => `2.25.3300${n}`;
const LUZ = { name: 'Luz María Ñáñez Güemes', gender: 'female', birth_date: '1971-03-08', curp: 'NAGL710308MOCXMZ09', record_number: 'N-004512' };
const JOSE = { name: 'José Ángel Peña Ibarra', gender: 'male', birth_date: '1958-11', curp: 'PEIJ581102HSLXBS04', record_number: 'N-001177' };

const item = (n, over) => ({ study_uid: uid(n), state: 'to-read', patient: LUZ, accession: `A26${1000 + n}`, modality: 'CT', description: 'Tomografía de tórax simple', priority: 'routine', topic: 'thorax', arrived: before(n), since: before(n), due: before(n - 48), overdue: n > 24, instances: 300, reader: null, mine: false, unmatched: false, stage: 'only', reason: '', ...over });
export const worklist = [
  item(1, { state: 'final', patient: JOSE, reader: 'Dra. Irene Solís', modality: 'DX', description: 'Tele de tórax', instances: 2 }),
  item(2, {}),
  item(3, { patient: JOSE, stage: 'first', modality: 'MG', description: 'Mastografía de tamizaje', priority: 'urgent', instances: 4 }),
  item(5, { state: 'preliminary', reader: 'Dra. Irene Solís', mine: true, modality: 'MR', description: 'Resonancia de rodilla derecha', instances: 164 }),
  item(8, { state: 'claimed', patient: JOSE, reader: 'Dr. Óscar Treviño', modality: 'US', description: 'Ultrasonido de hígado y vía biliar', instances: 38 }),
  item(30, { patient: { ...JOSE, name: 'IBARRA^J', curp: '', record_number: 'X99' }, unmatched: true, modality: 'CR', description: '', instances: 1 }),
];
export const report = {
  id: 'r1', status: 'final', version: 3, template: 'ct-torax', author: 'Dra. Irene Solís', issued: before(1),
  sections: [{ title: 'Técnica', text: 'Adquisición helicoidal, cortes de 1 mm, sin contraste.' }, { title: 'Hallazgos', text: 'Parénquima pulmonar sin nódulos ni consolidaciones.\nSin derrame pleural.' }],
  conclusion: 'Tomografía de tórax sin alteraciones agudas.', assessment: '',
  earlier: [{ version: 2, status: 'final', author: 'Dra. Irene Solís', issued: before(2), sections: [{ title: 'Hallazgos', text: 'Sin nódulos.' }], conclusion: 'Sin alteraciones.' }],
};
export const templates = [
  { id: 'ct-torax', name: 'Tomografía de tórax', modalities: ['CT'], sections: [{ title: 'Técnica', text: 'Adquisición helicoidal sin contraste.', hint: '' }, { title: 'Hallazgos', text: '', hint: 'Pulmón, pleura, mediastino, pared' }] },
  { id: 'libre', name: 'General', modalities: [], sections: [{ title: 'Hallazgos', text: '', hint: '' }] },
];
export const department = {
  code: 'radiology', name: { es: 'Radiología', en: 'Radiology' }, procedures: [],
  states: [['placed', 'orders', 'Solicitado'], ['performed', 'floor', 'Realizado, sin imágenes'], ['to-read', 'reading', 'Sin leer'], ['claimed', 'reading', 'En lectura'], ['final', '', 'Firmado']].map(([code, list, es]) => ({ code, list, es, en: code })),
  critical: [{ code: 'immediate', es: 'Inmediato: minutos', en: 'Immediate: minutes' }],
  assessments: [{ code: '1', es: '1, negativa', en: '1, negative' }, { code: '4', es: '4, sospechoso', en: '4, suspicious' }],
  topics: [{ code: 'thorax', es: 'Tórax', en: 'Thorax' }],
  screens: { lists: [
    { code: 'orders', es: 'Solicitudes', en: 'Orders', columns: ['state', 'patient', 'since'], actions: [] },
    { code: 'reading', es: 'Sin reporte firmado', en: 'Without a signed report', columns: ['state', 'patient', 'study', 'accession', 'since', 'due', 'holder'], actions: ['open', 'hand-over', 'excuse'] },
  ] },
};
export const ledger = { ages_hours: [1, 4, 24, 72, 168], tallies: [
  { list: 'reading', state: 'to-read', modality: 'CT', topic: 'thorax', age: 1, overdue: false, cases: 1200 },
  { list: 'reading', state: 'to-read', modality: 'MG', topic: 'breast', age: 5, overdue: true, cases: 13351 },
] };
export const indicators = { ages_hours: [1, 4, 24, 72, 168], count_min: 5,
  modalities: [{ code: 'CT', unread: [12, null, 0, 5, 7, null], overdue: null, ended: 1990 }, { code: 'MG', unread: [0, 0, 0, 0, 0, null], overdue: null, ended: 10 }],
  times: [{ from: 'to-read', to: 'final', cases: 1990, median_minutes: 45, ninetieth_minutes: 1440 }, { from: 'placed', to: 'to-read', cases: null, median_minutes: null, ninetieth_minutes: null }],
};
export const readers = { readers: [{ account: 'otrevino', name: 'Dr. Óscar Treviño' }] };
export const clinicians = { clinicians: [{ account: 'rcota', name: 'Dr. Raúl Cota' }] };
export const critical = { items: [
  { id: 'c1', level: 'immediate', finding: 'Neumotórax a tensión derecho', by: 'Dr. Óscar Treviño', at: before(1), due: before(0.5), overdue: true, to: '', step: 1, heard: null, mine: false, study: worklist[1] },
  { id: 'c2', level: 'immediate', finding: 'Hemorragia intracraneal', by: 'Dra. Irene Solís', at: before(1), due: before(-1), overdue: false, to: 'Dr. Raúl Cota', step: 0, heard: null, mine: true, study: worklist[2] },
] };
const record = (person, id, over) => ({ ...person, id, address: 'Av. Juárez 12, 68000, Oaxaca', phone: '9515550100', updated: before(30), ...over });
export const identity = { total: 2, pairs: [
  { bits: 9.4, grade: 'certain', guard: null, found: before(1), decided: null, fields: [{ field: 'given', level: 'equal', bits: 5.1 }, { field: 'birth-date', level: 'equal', bits: 11.2 }, { field: 'phone', level: 'different', bits: -1.2 }], records: [record(LUZ, 'p1'), record(LUZ, 'p2', { curp: '', record_number: 'S-88', phone: '' })] },
  { bits: 1.1, grade: 'probable', guard: 'given names differ: twins or siblings', found: before(2), decided: null, fields: [{ field: 'birth-date', level: 'equal', bits: 11.2 }], records: [record(JOSE, 'p3'), record({ ...JOSE, name: 'Juan Peña Ibarra', curp: '' }, 'p4')] },
] };
export const staffNotices = { notices: [
  { id: 'n1', when: before(1), why: 'critical-unanswered', by: 'Dr. Óscar Treviño', names: [], unread: true, study: worklist[1] },
  { id: 'n2', when: before(3), why: 'amended', by: 'Dra. Irene Solís', names: [], unread: false, study: worklist[0] },
  { id: 'n3', when: before(4), why: 'amended-elsewhere', by: 'Dra. Irene Solís', names: ['Dra. Rosa Luna (OCSSA999102)'], unread: false, study: null },
] };
export const study = (row, over = {}) => ({ ...row, order: { reason: 'Tos de tres semanas, descartar neumonía', requester: 'Dr. Raúl Cota', procedure: 'TC tórax' }, series: [], report: row.state === 'final' ? report : null, readings: [], may_report: true, ...over });

export const session = (roles, over = {}) => ({
  node: { name: 'Hospital Regional Norte', role: 'hospital', institution: 'Hospital Regional Norte', clues: 'SLSSA000012' },
  user: roles && { account: 'isolis', name: 'Dra. Irene Solís', roles, citizen: false }, csrf: roles ? 'c-1' : '', providers: [], setup: false, ...over,
});
export const hub = { name: 'Nodo nacional', role: 'hub', institution: 'Nodo nacional', clues: 'DFSSA000001' };
export const citizen = session(null, { node: hub, user: { account: '', name: LUZ.name, roles: [], citizen: true }, csrf: 'c-2' });

export const representatives = {
  mine: [{ id: 'r1', name: 'Ana Rivera', standing: 'POWATT', document: '', institution: '', from: before(60), until: null, in_force: true, can_end: true }],
  theirs: [{ id: 'r2', name: 'Ximena Rivera', standing: 'PRN', document: 'birth-certificate', institution: 'Hospital Regional Norte', from: before(600), until: null, in_force: true, can_end: true }],
};

const lists = {
  allergies: [{ text: 'Penicilina: urticaria', source: 'Hospital Regional Norte' }],
  conditions: [{ text: 'Hipertensión arterial', since: '2015', source: 'Hospital General Sur' }],
  medications: [],
};
const notice = 'La persona puede haber restringido parte de su información. Lo que no aparece aquí puede existir.';
const failed = [{ clues: 'YNSSA000034', name: 'Hospital General Sur', why: 'no respondió en 5 s' }];
export const national = (purpose) => ({
  person: LUZ, purpose, ...lists, notice, answered: [{ clues: 'SLSSA000012', name: 'Hospital Regional Norte' }], failed: purpose === 'TREAT' ? failed : [],
  reports: [{ ...report, title: 'Tomografía de tórax simple', institution: 'Hospital Regional Norte', study_uid: uid(2) }],
  studies: [{ study_uid: uid(2), description: 'Tomografía de tórax simple', modality: 'CT', started: before(26), institution: 'Hospital Regional Norte', series: 2, instances: 300 }],
});
export const me = {
  person: LUZ, ...lists, immunizations: [{ text: 'Influenza', when: '2025-10', source: 'Hospital Regional Norte' }], failed: [], accesses_recent: 4, notices_unread: 1,
  studies: [
    { study_uid: uid(2), description: 'Tomografía de tórax simple', modality: 'CT', started: before(26), institution: 'Hospital Regional Norte', instances: 300, image_url: '/imagen-de-prueba', report: { ...report, title: 'Tomografía' } },
    { study_uid: uid(9), description: 'Mastografía de tamizaje', modality: 'MG', started: before(900), institution: 'Hospital General Sur', instances: 4, image_url: '', report: null },
  ],
};
const access = (n, over) => ({ id: `badiano.mx/SLSSA000012#${n}`, when: before(n), who: 'Dr. Raúl Cota', institution: 'Hospital General Sur', clues: 'YNSSA000034', what: 'reporte de tomografía', interaction: 'read', purpose: 'TREAT', reason: '', emergency: false, refused: false, own: false, in_place: '', has_proof: true, ...over });
export const accesses = { failed: [], entries: [access(1, { purpose: 'ETREAT', emergency: true, reason: 'Inconsciente en urgencias, sin acompañante', has_proof: false }), access(2, { own: true, who: LUZ.name, purpose: 'PATRQT' }), access(4, {}), access(9, { refused: true, what: 'imágenes' }), access(40, { who: 'Dra. Irene Solís', institution: 'Hospital Regional Norte', what: 'imágenes de tomografía' })] };
export const consents = {
  institutions: [{ clues: 'SLSSA000012', name: 'Hospital Regional Norte', holds: true }, { clues: 'YNSSA000034', name: 'Hospital General Sur', holds: false }],
  rules: [], sensitive: ['hiv', 'mental-health', 'reproduction', 'violence'],
  closed: [{ clues: 'SLSSA000012', data_classes: ['hiv', 'mental-health', 'reproduction', 'violence'] }, { clues: 'YNSSA000034', data_classes: ['hiv', 'mental-health', 'reproduction', 'violence'] }],
};
export const emergencies = { items: [{ id: 'e1', when: before(1), until: before(0), account: 'rcota', who: 'Dr. Raúl Cota', institution: 'YNSSA999103', institution_name: 'Hospital General Sur', cedula: '4412345', person: 'NAGL710308MOCXMZ09', reason: 'Inconsciente en urgencias', sensitive: ['hiv'], reviews: [] }] };
export const notices = { notices: [{ when: before(1), kind: 'emergency-access', who: 'Dr. Raúl Cota', institution: 'Hospital General Sur', reason: 'Inconsciente en urgencias, sin acompañante', sensitive: [], unread: true }] };
export const peers = {
  peers: [{ id: 'p1', kind: 'dicom', name: 'TC_NORTE', description: 'Tomógrafo, planta baja', host: '10.20.0.14', port: 104, institution: 'SLSSA000012', active: true }, { id: 'p2', kind: 'hl7', name: 'HIS|NORTE', description: 'Sistema del hospital', host: '10.20.0.5', port: 0, institution: 'SLSSA000012', active: false }],
  strangers: [{ kind: 'dicom', name: 'US_PORTATIL', host: '10.20.0.77', seen: before(0.2) }],
};
export const users = { users: [{ account: 'isolis', name: 'Dra. Irene Solís', roles: ['radiologist'], cedula: '4412345', active: true }, { account: 'admin', name: 'Tomás Arce', roles: ['administrator', 'security-office'], cedula: null, active: true }] };
export const links = { links: [{ account: 'isolis', issuer: 'https://identidad.hospital.example', subject: '7f3a' }], unlinked: [{ issuer: 'https://identidad.hospital.example', subject: '81bc', name: 'Dr. Hugo Núñez', seen: before(0.3) }], issuers: ['https://identidad.hospital.example'] };
export const asking = { name: 'Curvas de crecimiento', host: 'https://app.example', scopes: ['launch/patient', 'patient/Observation.rs', 'user/Patient.cruds'], wants_patient: true };
export const apps = { apps: [{ id: 'crecimiento', name: 'Curvas de crecimiento', redirect_uris: ['https://app.example/vuelta'], scopes: ['patient/*.rs'], active: true }] };
export const systems = { systems: [{ id: 'laboratorio', name: 'Laboratorio central', jwks: '{"keys":[]}', scopes: ['system/Patient.rs', 'system/Observation.cruds'], active: true }] };
export const institutions = { institutions: [{ clues: 'SLSSA000012', name: 'Hospital Regional Norte', address: 'https://norte.example:8443', active: true, certificate_serial: '4f:12:aa:90:0c' }] };
const dicom = (values) => Object.fromEntries(Object.entries(values).map(([tag, value]) => [tag, { vr: 'LO', Value: [value] }]));
export const archive = {
  studies: [dicom({ '00100010': { Alphabetic: 'NÚÑEZ LARA^ANA' }, '00100020': 'N-77', '00080020': '20261120', '00081030': 'TC de tórax', '00080061': 'CT', '00201208': 3, '0020000D': '2.25.900' })],
  series: [dicom({ '00080060': 'CT', '00200011': 2, '0008103E': 'Axial', '00201209': 2, '0020000E': '2.25.901' }), dicom({ '00080060': 'KO', '00200011': 9, '0008103E': '', '00201209': 1, '0020000E': '2.25.902' })],
  keys: [{ '0040A043': { vr: 'SQ', Value: [dicom({ '00080104': 'For Referring Provider' })] }, '0040A730': { vr: 'SQ', Value: [dicom({ '0040A160': 'Véase la cisura' })] } }],
  rejected: { objects: [{ study: '2.25.900', series: '2.25.901', sop: '2.25.903', sop_class: '1.2', reason: '113001', meaning: '', note: '2.25.904', at: before(2), awaited: false }] },
};
export const routes = { routes: [{ name: 'tc-neuro', description: '', active: true, when: {}, to: ['NEURO'], hours: { from: '22:00', to: '06:00' }, priority: 5, kilobytesPerSecond: null, settleSeconds: 30, priors: null }], waiting: [{ id: 21, route: '-', to: 'NEURO', study: '2.25.900', step: '', objects: 3, tries: 2, due: before(-1), why: 'the peer cannot be reached', dead: false }] };
export const rules = { rules: [{ rule: { name: 'ct-1', description: 'Sala 2', version: 3, when: { ae: ['CT1'] }, changes: [{ action: 'remove', attribute: 'InstitutionName' }] }, active: false, by: 'admin' }] };
export const trial = { followed: [{ rule: 'ct-1', version: 3, changed: [{ attribute: 'InstitutionName', was: 'HOSPITAL', now: '' }] }], canBeGiven: true, issues: [] };
export const queues = { items: [{ id: 7, queue: 'hl7-result/HIS|NORTE', tries: 50, due: before(1), why: 'connection refused', dead: true }, { id: 9, queue: 'hub-registration', tries: 0, due: before(-0.1), why: '', dead: false }] };
export const messages = {
  messages: [{ id: 'm1', kind: 'ORM^O01', control_id: '000812', sender: 'HIS|NORTE', received: before(1), state: 'applied', why: '', losses: [{ location: 'ZPV', reason: 'segment is not in the map' }], replays: 0 }, { id: 'm2', kind: 'ADT^A40', control_id: '000813', sender: 'HIS|NORTE', received: before(2), state: 'held', why: 'the patient to merge is not known', losses: [], replays: 1 }],
  losses: [{ sender: 'HIS|NORTE', locations: [{ location: 'ZPV', count: 41 }, { location: 'PID-30', count: 3 }] }],
};
export const status = { version: '0.1.0', started: before(50), disk: { free_bytes: 61e9, total_bytes: 500e9, state: 'warning' }, log: { entries: 18234, checkpoint_at: before(0.01) }, consent_age_seconds: 42, hub: { name: 'Nodo nacional', address: 'https://hub.example:8443', reachable: true }, stored: { patients: 3120, studies: 811, instances: 120411, bytes: 6.1e10 }, waiting: 1, stuck: 1 };

export const rooms = { rooms: [{ code: 'TC-1', name: 'Tomógrafo 1', modality: 'CT', station_ae: 'TC1', changeover: 5, opens: [], closed: [] }] };
const seen = (id, name, over) => ({ id, patient: `p${id}`, name, order: `o${id}`, accession: `A${id}`, study_uid: uid(id), description: 'Tomografía de tórax simple', priority: 'routine', state: 'scheduled', emergency: '', reason: '', ...over });
export const board = { lines: [
  { room: 'TC-1', day: '2026-11-23', start: '09:00', minutes: 20, status: 'booked', visible: seen('71', LUZ.name) },
  { room: 'TC-1', day: '2026-11-23', start: '09:30', minutes: 20, status: 'booked', visible: null },
  { room: 'TC-1', day: '2026-11-23', start: '10:00', minutes: 20, status: 'booked', visible: seen('72', JOSE.name, { emergency: 'politraumatizado en urgencias' }) },
] };
export const freeTimes = { minutes: 20, preparation: '', free: [{ room: 'TC-1', name: 'Tomógrafo 1', day: '2026-11-24', starts: [{ start: '08:00', on_duty: [] }, { start: '08:25', on_duty: [] }] }] };
