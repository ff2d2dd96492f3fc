import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// Addresses are relative, so that the page works below any path of a proxy. Names hold a hash of their content, so
// that they may be kept for ever. No module preload: its helper would be an inline script in some browsers.
export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: {
    outDir: '../static',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false,
    sourcemap: false,
    reportCompressedSize: true,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:5006', '/socket.io': { target: 'http://127.0.0.1:5006', ws: true } } },
});
