// Which sections a person has, by role; the address of each, and its page.

import type { Component } from 'svelte';
import type { Session, StaffRole } from './api';
import type { Word } from './language.svelte';
import Administration from './pages/admin/Administration.svelte';
import Ledger from './pages/Ledger.svelte';
import National from './pages/National.svelte';
import Study from './pages/Study.svelte';
import Worklist from './pages/Worklist.svelte';
import Accesses from './pages/citizen/Accesses.svelte';
import Consents from './pages/citizen/Consents.svelte';
import Home from './pages/citizen/Home.svelte';
import MyStudy from './pages/citizen/MyStudy.svelte';
import Notices from './pages/citizen/Notices.svelte';

export interface Section {
  /** First word of its address. */
  place: string;
  /** The address that the navigation leads to. */
  path: string;
  word: Word;
  page: Component;
  /** Reached from another page only; `under` is the section that is marked then. */
  hidden?: boolean;
  under?: string;
}

const OF_CITIZENS: Section[] = [
  { place: 'mi', path: 'mi', word: 'nav.me', page: Home },
  { place: 'mi-estudio', path: 'mi-estudio', word: 'nav.me', page: MyStudy, hidden: true, under: 'mi' },
  { place: 'accesos', path: 'accesos', word: 'nav.accesses', page: Accesses },
  { place: 'permisos', path: 'permisos', word: 'nav.consents', page: Consents },
  { place: 'avisos', path: 'avisos', word: 'nav.notices', page: Notices },
];
const READING: Section[] = [
  { place: 'lectura', path: 'lectura', word: 'nav.reading', page: Worklist },
  { place: 'estudio', path: 'estudio', word: 'nav.reading', page: Study, hidden: true, under: 'lectura' },
  { place: 'pendientes', path: 'pendientes', word: 'nav.ledger', page: Ledger },
];
const NATIONAL: Section[] = [{ place: 'consulta', path: 'consulta', word: 'nav.national', page: National }];
const ADMINISTRATION: Section[] = [{ place: 'admin', path: 'admin/estado', word: 'nav.admin', page: Administration }];

export function sectionsOf(session: Session): Section[] {
  const user = session.user;
  if (!user) return [];
  if (user.citizen) return OF_CITIZENS;
  const has = (...roles: StaffRole[]) => roles.some((role) => user.roles.includes(role));
  const hospital = session.node.role === 'hospital';
  return [
    ...(hospital && has('radiologist', 'technologist') ? READING : []),
    ...(hospital && has('radiologist', 'clinician', 'pharmacist') ? NATIONAL : []),
    ...(has('administrator') ? ADMINISTRATION : []),
  ];
}
