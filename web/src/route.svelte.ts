// Addresses of our pages, behind the `#`: what stands there never reaches a server or its log.

let path = $state(read());
function read(): string {
  return decodeURI(location.hash.replace(/^#/, '')) || '/';
}
addEventListener('hashchange', () => {
  path = read();
  scrollTo(0, 0);
});

/** The parts of the present address: `/estudio/1.2.3` is `['estudio', '1.2.3']`. */
export const parts = (): string[] => path.split('/').filter(Boolean);
export const go = (to: string): void => void (location.hash = to);
export const replace = (to: string): void => location.replace(`#${to}`);
