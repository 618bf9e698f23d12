// FHIR and DICOMweb with the token for scripts that the demo gives (a named principal, this machine only).

export class Rest {
  constructor(node) {
    Object.assign(this, { fhir: node.fhir, dicomweb: node.dicomweb, token: node.token });
  }

  async ask(url, { method = 'GET', headers = {}, body } = {}) {
    const answer = await fetch(url, { method, body, headers: { authorization: `Bearer ${this.token}`, ...headers } });
    return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
  }

  async #json(url, options) {
    const answer = await this.ask(url, options);
    if (answer.status >= 300) throw new Error(`${options?.method ?? 'GET'} ${url}: ${answer.status} ${answer.bytes.toString().slice(0, 500)}`);
    return JSON.parse(answer.bytes);
  }

  /** FHIR search by POST, so that no name or number of a person stands in an address: the resources found. */
  async search(kind, parameters) {
    const body = new URLSearchParams({ _count: '200', ...parameters }).toString();
    const bundle = await this.#json(`${this.fhir}/${kind}/_search`, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded', prefer: 'handling=strict' } });
    return (bundle.entry ?? []).filter((e) => e.search?.mode !== 'outcome').map((e) => e.resource);
  }
  read(path) { return this.#json(`${this.fhir}/${path}`); }
  create(resource) {
    return this.#json(`${this.fhir}/${resource.resourceType}`, { method: 'POST', body: JSON.stringify(resource), headers: { 'content-type': 'application/fhir+json' } });
  }

  /** QIDO-RS: a list of data sets in DICOM JSON. */
  qido(path) { return this.#json(`${this.dicomweb}${path}`, { headers: { accept: 'application/dicom+json' } }); }

  /** One whole object as a Part 10 file (WADO-RS). */
  async object(study, series, sop) {
    const answer = await this.ask(`${this.dicomweb}/studies/${study}/series/${series}/instances/${sop}`, { headers: { accept: 'application/dicom' } });
    if (answer.status !== 200) throw new Error(`WADO-RS of ${sop}: ${answer.status}`);
    return answer.bytes;
  }
}

export const CURP = 'http://sistema.salud.gob.mx/curp';
/** The first value of an attribute in DICOM JSON. */
export const valueOf = (set, tag) => set[tag]?.Value?.[0];
