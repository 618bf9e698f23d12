// Styles go into files, never into the page: the policy of our pages allows no inline style.
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

export default { preprocess: vitePreprocess(), compilerOptions: { runes: true, css: 'external' } };
