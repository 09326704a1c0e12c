// Cedar's own decision of what Holdfast decides: may this party receive this subject's data by this flow, now? The policy is
// parsed once, before; what the limits have spent and whether the subject is restricted is handed in, as Cedar keeps no
// counts. Prints {"version", "ns": [one decision, by rounds]}.
//   node decide.mjs SECONDS ROUNDS
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';

const flows = [['account', 'app-us'], ['support', 'bytedance'], ['feed', 'app-us'], ['weekly-report', 'bytedance']];
const policies = flows.map(([flow, to]) => `
  permit (principal == Party::"${to}", action == Action::"receive", resource == Flow::"${flow}")
  when { !context.restricted && !context.erased
         ${flow === 'support' ? `
         && (context.counted_today || context.spent_today < 5000)
         && (context.counted_in_12_months || context.spent_in_12_months < 100000)` : ''} };`).join('\n');

const prepared = cedar.preparsePolicySet('agreement', { staticPolicies: policies });
if (prepared.type !== 'success') throw new Error(JSON.stringify(prepared));

const decide = (party, flow, context) => {
  const answer = cedar.statefulIsAuthorized({
    principal: { type: 'Party', id: party }, action: { type: 'Action', id: 'receive' },
    resource: { type: 'Flow', id: flow }, context, preparsedPolicySetId: 'agreement', entities: [],
  });
  if (answer.type !== 'success') throw new Error(JSON.stringify(answer));
  return answer.response.decision === 'allow';
};
const open = (i) => ({ restricted: false, erased: false, counted_today: i % 2 === 0, spent_today: 4500 + (i & 255),
                       counted_in_12_months: i % 3 === 0, spent_in_12_months: 90000 + (i & 255) });

const expect = (what, is) => { if (!is) throw new Error(`Cedar decides otherwise: ${what}`); };
expect('what is agreed', decide('bytedance', 'support', open(1)));
expect('a flow to another', !decide('bytedance', 'account', open(1)));
expect('no such flow', !decide('bytedance', 'marketing', open(1)));
expect('a restricted subject', !decide('bytedance', 'support', { ...open(1), restricted: true }));
expect('a spent limit', !decide('bytedance', 'support', { ...open(1), spent_today: 5000 }));
expect('a subject counted already', decide('bytedance', 'support', { ...open(2), spent_today: 5000 }));

const [seconds, rounds] = process.argv.slice(2).map(Number);
const each = [];
for (let round = 0; round <= rounds; ++round) {
  const begun = process.hrtime.bigint(), end = begun + BigInt(Math.round(seconds * 1e9));
  let done = 0;
  while (process.hrtime.bigint() < end) {
    for (let i = 0; i < 100; ++i, ++done) if (!decide('bytedance', 'support', open(done))) throw new Error('refused');
  }
  if (round > 0) each.push(Number(process.hrtime.bigint() - begun) / done);  // the first round warms up
}
console.log(JSON.stringify({ version: cedar.getCedarVersion(), ns: each }));
