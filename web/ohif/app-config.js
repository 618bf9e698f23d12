// Settings of the viewer at this node: images come from the node's own DICOMweb, or through the hub when another hospital holds them.

window.PUBLIC_URL = '/visor/';
// Modules that the viewer loads by address: only those that stand beside it.
window.browserImportFunction = (address) => {
  const url = new URL(address, location.href);
  if (url.origin !== location.origin || !url.pathname.startsWith('/visor/')) return Promise.reject(new Error('not a module of the viewer'));
  return import(url.href);
};

// The guided tour would cover the first image of a first visit.
try {
  if (!localStorage.getItem('shownTours')) localStorage.setItem('shownTours', '["basicViewerTour"]');
  if (!localStorage.getItem('i18nextLng')) localStorage.setItem('i18nextLng', localStorage.getItem('badiano.language') === 'en' ? 'en-US' : 'es');
} catch {
  // Without storage the viewer works all the same.
}

(() => {
  const source = (sourceName, friendlyName, root) => ({
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
    sourceName,
    configuration: {
      friendlyName,
      name: sourceName,
      qidoRoot: root,
      wadoRoot: root,
      wadoUriRoot: root,
      qidoSupportsIncludeField: true,
      imageRendering: 'wadors',
      thumbnailRendering: 'thumbnail',
      thumbnailRequestStrategy: 'fetch',
      enableStudyLazyLoad: true,
      supportsFuzzyMatching: false,
      supportsWildcard: true,
      supportsReject: false,
      dicomUploadEnabled: false,
      singlepart: 'bulkdata,video,pdf',
      bulkDataURI: { enabled: true, relativeResolution: 'studies' },
      omitQuotationForMultipartRequest: true,
    },
  });
  window.config = {
    name: 'badiano',
    routerBasename: '/visor/',
    extensions: [],
    modes: [],
    customizationService: {},
    // Studies are opened from our own worklist, each through its own address.
    showStudyList: false,
    maxNumberOfWebWorkers: 3,
    showWarningMessageForCrossOrigin: false,
    showCPUFallbackMessage: true,
    showLoadingIndicator: true,
    experimentalStudyBrowserSort: false,
    strictZSpacingForVolumeViewport: true,
    groupEnabledModesFirst: true,
    allowMultiSelectExport: false,
    maxNumRequests: { interaction: 100, thumbnail: 5, prefetch: 25 },
    showErrorDetails: 'production',
    // The viewer is not cleared for diagnosis by its makers; the notice stays.
    investigationalUseDialog: { option: 'always' },
    defaultDataSourceName: 'local',
    dataSources: [source('local', 'Este nodo', '/dicomweb'), source('nacional', 'Consulta nacional', '/dicomweb-nacional')],
    httpErrorHandler: (error) => console.warn('visor: status', error?.status ?? 0),
  };
})();
