// Which sections a person has, by role; the address of each, and its page, which is fetched when it is first shown.

import type { Component } from 'svelte';
import type { Session, StaffRole } from './api';
import type { Word } from './language.svelte';

export interface Section {
  /** First word of its address. */
  place: string;
  /** The address that the navigation leads to. */
  path: string;
  word: Word;
  page: () => Promise<{ default: Component }>;
  /** Reached from another page only; `under` is the section that is marked then. */
  hidden?: boolean;
  under?: string;
}

const OF_CITIZENS: Section[] = [
  { place: 'mi', path: 'mi', word: 'nav.me', page: () => import('./pages/citizen/Home.svelte') },
  { place: 'mi-estudio', path: 'mi-estudio', word: 'nav.me', page: () => import('./pages/citizen/MyStudy.svelte'), hidden: true, under: 'mi' },
  { place: 'accesos', path: 'accesos', word: 'nav.accesses', page: () => import('./pages/citizen/Accesses.svelte') },
  { place: 'permisos', path: 'permisos', word: 'nav.consents', page: () => import('./pages/citizen/Consents.svelte') },
  { place: 'representantes', path: 'representantes', word: 'nav.representatives', page: () => import('./pages/citizen/Representatives.svelte') },
  { place: 'avisos', path: 'avisos', word: 'nav.notices', page: () => import('./pages/citizen/Notices.svelte') },
];
const READING: Section[] = [
  { place: 'lectura', path: 'lectura', word: 'nav.reading', page: () => import('./pages/Worklist.svelte') },
  { place: 'estudio', path: 'estudio', word: 'nav.reading', page: () => import('./pages/Study.svelte'), hidden: true, under: 'lectura' },
  { place: 'pendientes', path: 'pendientes', word: 'nav.ledger', page: () => import('./pages/Ledger.svelte') },
  { place: 'indicadores', path: 'indicadores', word: 'nav.indicators', page: () => import('./pages/Indicators.svelte') },
];
const AGENDA: Section[] = [{ place: 'agenda', path: 'agenda', word: 'nav.agenda', page: () => import('./pages/Agenda.svelte') }];
const ARCHIVE: Section[] = [{ place: 'archivo', path: 'archivo', word: 'nav.archive', page: () => import('./pages/Archive.svelte') }];
const IDENTITY: Section[] = [{ place: 'identidades', path: 'identidades', word: 'nav.identity', page: () => import('./pages/Identity.svelte') }];
const ALERTS: Section[] = [{ place: 'alertas', path: 'alertas', word: 'nav.alerts', page: () => import('./pages/Alerts.svelte') }];
const NATIONAL: Section[] = [{ place: 'consulta', path: 'consulta', word: 'nav.national', page: () => import('./pages/National.svelte') }];
const EMERGENCIES: Section[] = [{ place: 'urgencias', path: 'urgencias', word: 'nav.emergencies', page: () => import('./pages/Emergencies.svelte') }];
const APPS: Section[] = [{ place: 'autorizar', path: 'autorizar', word: 'admin.apps', page: () => import('./pages/LetIn.svelte'), hidden: true }];
const ADMINISTRATION: Section[] = [{ place: 'admin', path: 'admin/estado', word: 'nav.admin', page: () => import('./pages/admin/Administration.svelte') }];

export function sectionsOf(session: Session): Section[] {
  const user = session.user;
  if (!user) return [];
  if (user.citizen) return OF_CITIZENS;
  const has = (...roles: StaffRole[]) => roles.some((role) => user.roles.includes(role));
  const hospital = session.node.role === 'hospital';
  return [
    ...(hospital && has('radiologist', 'resident', 'technologist') ? READING : []),
    ...(hospital && has('radiologist', 'technologist') ? ARCHIVE : []),
    ...(hospital && has('radiologist', 'resident', 'clinician', 'pharmacist') ? NATIONAL : []),
    ...(hospital && has('technologist', 'clinician') ? AGENDA : []),
    ...(has('registrar') ? IDENTITY : []),
    ...(has('security-office') ? EMERGENCIES : []),
    ...(has('administrator') ? ADMINISTRATION : []),
    ...(hospital ? ALERTS : []),
    ...(hospital ? APPS : []),
  ];
}
