// Step 2: a scanner asks for its worklist with findscu (DCMTK), in two character sets.

import { join } from 'node:path';
import { echo, worklist } from '../peers/dcmtk.mjs';

export const title = 'the scanner gets its worklist';

export async function run(stage) {
  const { ae, norte, ct, mammogram } = stage;
  stage.equal((await echo(ae.ct, norte.dimse)).code, 0, 'C-ECHO of the listed CT scanner is answered');
  stage.expect((await echo('NADIE', norte.dimse)).code !== 0, 'an AE title that nobody listed is not let in');

  const name = `${ct.first_surname} ${ct.second_surname}`.trim() + `^${ct.given}`;
  for (const charset of ['ISO_IR 100', 'ISO_IR 192']) {
    for (const [visit, calling] of [[ct, ae.ct], [mammogram, ae.mammography]]) {
      const scratch = join(stage.out, 'worklist');
      const asked = { charset, name: `${ct.first_surname}*`, modality: visit.modality, scratch };
      const answers = (await worklist(calling, norte.dimse, asked)).filter((a) => a['0010,0020'] === visit.mrn);
      stage.equal(answers.length, 1, `${visit.modality} in ${charset}: asked by the surname ${ct.first_surname}, her step is on the list once`);
      const [step] = answers;
      stage.equal(step['0010,0010'], name, `${visit.modality} in ${charset}: her name has every accent and Ñ`);
      stage.equal(step['0008,0005'], charset, `${visit.modality}: the answer says that it is in ${charset}`);
      const seen = [step['0008,0050'], step['0020,000d'], step['0040,0009'], step['0040,1001'], step['0040,0001'], `${step['0040,0002']}${step['0040,0003']}`];
      stage.equal(seen, [visit.accession, visit.study_uid, visit.scheduled_step, visit.requested_procedure, visit.scheduled_ae, visit.scheduled], `${visit.modality} in ${charset}: accession, study UID, step, requested procedure, station and time are those of the order`);
    }
  }
}
