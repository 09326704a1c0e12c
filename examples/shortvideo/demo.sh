#!/usr/bin/env bash
# The main job, whole: from four parties' keys to an outsider who checks everything that left. `make demo` calls it.
#   examples/shortvideo/demo.sh build/release        KEEP=1 leaves the server running at the end
# Every line after a "$" can be repeated by hand from the repository's folder, as long as the server runs.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release}
demo=build/demo
hf=$demo/hf
server=
started=$SECONDS
export PATH="$PWD/$build/bin:$PATH" HOLDFAST_DIR=$hf

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
note() { printf '%s\n' "$*"; }
# Shows a command as the reader would type it, whatever becomes of its output, then runs it.
exec 3>&1
try() {
  printf '$ %s\n' "$*" >&3
  "$@"
}
# curl over mutual TLS as one caller; the body is shown, and left in $answer.
call() {
  local who=$1
  shift
  answer=$(try curl -s --cacert $hf/tls/ca.crt --cert "$hf/clients/$who.crt" --key "$hf/clients/$who.key" "$@") ||
    fail "curl ended with exit code $?"
  [ -z "$answer" ] || note "$answer"
}
fail() {
  printf '\nThe demo went wrong: %s\n' "$*" >&2
  [ -s $demo/server.log ] && tail -n 20 $demo/server.log >&2
  exit 1
}
# expect 'jq filter' text: the filter must be true of the JSON.
expect() { jq -e "$1" >/dev/null <<<"$2" || fail "expected $1 of: ${2:0:400}"; }

serve() { # folder, log file: starts a server, answers its process in $server_pid
  holdfast serve --dir "$1" >>"$2" 2>&1 3>&- </dev/null &
  server_pid=$!
  for _ in $(seq 300); do
    [ -s "$1/ready.json" ] && return
    kill -0 $server_pid 2>/dev/null || fail "the server in $1 ended: $(tail -n 3 "$2")"
    sleep 0.1
  done
  fail "the server in $1 did not start"
}
stop() {
  if [ -n "${1:-}" ] && kill -0 "$1" 2>/dev/null; then
    kill -TERM "$1"
    wait "$1" || true
  fi
}
copy_server=
trap 'status=$?; stop "$copy_server"; if [ "$status" != 0 ] || [ -z "${KEEP:-}" ]; then stop "$server"; fi' EXIT

# A server that an earlier demo left running (KEEP=1) would hold the files.
if [ -s $hf/ready.json ]; then
  earlier=$(jq -r .pid $hf/ready.json)
  [ "$(readlink "/proc/$earlier/exe" 2>/dev/null)" = "$(realpath "$build/bin/holdfast")" ] && kill -TERM "$earlier"
  for _ in $(seq 100); do [ -e $hf/ready.json ] || break; sleep 0.1; done
fi
rm -rf $demo
mkdir -p $demo/input $demo/parties $demo/overseer

say "0. Made up for this demo: 3,000 people and 2 million views (seeded: the same every time)"
try "${PYTHON:-/usr/bin/python3}" examples/shortvideo/generate_people.py --seed 1 --out $demo/input/people.csv
try shortvideo_views --people $demo/input/people.csv --views 2000000 --seed 1 --until "$(date -u +%F)" \
  --out $demo/input/views.csv
subject=$(sed -n 2p $demo/input/people.csv | cut -d, -f1)
other=$(sed -n 3p $demo/input/people.csv | cut -d, -f1)

say "1. Four parties agree"
note "Oracle, the trustee, makes a working directory: its keys, and a certificate for each caller."
try holdfast init $hf --trustee oracle --party app-us --party bytedance --party treasury \
  --listen 127.0.0.1:0 --evidence-listen 127.0.0.1:0 >/dev/null
cp $hf/keys/log.vkey $demo/log.vkey
note "The operator, the trustee and the overseer each make a signing key; app-us, who signs nothing, has its certificate."
for party in bytedance oracle treasury; do
  try holdfast key new $party -o $demo/parties/$party.key 2>/dev/null >$demo/overseer/$party.vkey
  cat $demo/overseer/$party.vkey
done
note "Their public keys, and the log's, go into the agreement. It is checked before anyone signs."
sed -e "s|@bytedance.vkey@|$(cat $demo/overseer/bytedance.vkey)|" -e "s|@oracle.vkey@|$(cat $demo/overseer/oracle.vkey)|" \
  -e "s|@treasury.vkey@|$(cat $demo/overseer/treasury.vkey)|" -e "s|@log.vkey@|$(cat $demo/log.vkey)|" \
  examples/shortvideo/agreement.yaml.in >$demo/input/agreement.yaml
try holdfast agreement check $demo/input/agreement.yaml
note "As a page to read, print and sign: who gets what in which form, on a map and as a table."
try holdfast agreement show $demo/input/agreement.yaml --html -o $demo/agreement.html
grep -q 'class="map"' $demo/agreement.html || fail "the agreement's page has no map"
note "The overseer's analyst asks what it comes to. No server runs yet: the answers follow from the document alone."
try holdfast agreement ask 'can CN learn user.contact.email?' $demo/input/agreement.yaml
try holdfast agreement ask 'why can bytedance not learn user.contact.email as clear?' $demo/input/agreement.yaml &&
  fail "bytedance could learn e-mail addresses"
note "The operator proposes a draft in which the desk sees them in the clear. It is refused, with the way that it opens:"
sed 's/email: token, birthdate/email: clear, birthdate/' $demo/input/agreement.yaml >$demo/input/draft.yaml
try holdfast agreement check $demo/input/draft.yaml >$demo/draft.txt && fail "the draft was not refused"
cat $demo/draft.txt
grep -q 'user.contact.email can reach CN' $demo/draft.txt || fail "the draft was refused without the path"
note "So the first version stands, and all three sign."
try holdfast agreement sign $demo/input/agreement.yaml --key $demo/parties/bytedance.key -o $demo/agreement.signed
try holdfast agreement sign $demo/agreement.signed --key $demo/parties/oracle.key
try holdfast agreement sign $demo/agreement.signed --key $demo/parties/treasury.key
printf 'rules: %s\n' "$PWD/rules" >>$hf/holdfast.yaml # where the server finds rule packs
note "The trustee's server starts and adopts it. The adoption is the first thing that the evidence says."
printf '$ holdfast serve --dir %s &\n' $hf
serve $hf $demo/server.log
server=$server_pid
url=$(jq -r .url $hf/ready.json)
evidence=$(jq -r .evidence_url $hf/ready.json)
try holdfast agreement adopt $demo/agreement.signed --as oracle
entry=$(holdfast log entry 0)
printf '$ holdfast log entry 0 | jq -c\n'
jq -c . <<<"$entry"
expect '.kind == "agreement.adopted" and (.signed_by | length) == 3' "$entry"

say "2. The data comes into custody"
try holdfast import profile $demo/input/people.csv --as app-us | tee $demo/import.txt
grep -q '3,000 accepted' $demo/import.txt || fail "not all people were taken"
try holdfast import views $demo/input/views.csv --as app-us | tee $demo/import.txt
grep -q '2,000,000 accepted' $demo/import.txt || fail "not all views were taken"

say "3. Who may see what"
note "The app's backend reads an account in the clear:"
call app-us "$url/v1/flows/account/subjects/$subject"
account=$answer
expect '.profile | has("name") and has("email") and has("birthdate")' "$account"
note "The operator's support desk reads the same person: the e-mail as a token, the birth date as a year, the zip's first 3:"
call bytedance -D $demo/support.headers "$url/v1/flows/support/subjects/$subject"
support=$answer
expect '(.profile.email | startswith("tok_")) and (.profile.birthdate | tostring | length) == 4 and (.profile.zip | length) == 3' "$support"
expect '(.profile | has("name") or has("phone") or has("street")) | not' "$support"
printf '%s' "$support" >$demo/support.json
receipt=$(tr -d '\r' <$demo/support.headers | awk 'tolower($1) == "holdfast-receipt:" {print $2}')
salt=$(tr -d '\r' <$demo/support.headers | awk 'tolower($1) == "holdfast-salt:" {print $2}')
note "It came with a receipt. Anyone can ask for the proof; who has the answer and its salt can hold it to the evidence:"
try holdfast log proof "$receipt" -o $demo/$receipt.tlog-proof
try holdfast log check-receipt $demo/$receipt.tlog-proof --log-key $demo/log.vkey --payload $demo/support.json --salt "$salt"
note "The same desk asks for a flow that the agreement does not declare:"
call bytedance "$url/v1/flows/contacts/subjects/$subject"
expect '.status == 403 and .code == "flow.unknown" and (.detail + .where | contains("contacts"))' "$answer"
note "What it may know of all together are sums, with noise in which nobody can be found, once a week:"
try holdfast get weekly-report --as bytedance >$demo/weekly.json
jq -c . $demo/weekly.json
expect '.groups[0].views > 1500000 and .groups[0].views < 2100000 and .noise.views > 5000' "$(cat $demo/weekly.json)"
note "Asked again before the week is over, they are the same: there is no averaging the noise away."
try holdfast get weekly-report --as bytedance | cmp - $demo/weekly.json || fail "the sums were made anew"
note "A working day at the desk: 500 people at once, each release its own entry, under one sync."
sed -n 2,501p $demo/input/people.csv | cut -d, -f1 >$demo/tickets.txt
try holdfast batch support $demo/tickets.txt --as bytedance >$demo/tickets.ndjson
[ "$(grep -c '"receipt"' $demo/tickets.ndjson)" = 500 ] || fail "not all tickets were answered"

say "4. A second version, and the law beside the deal"
note "The operator wants to know where people watch, to a kilometre. Version 2 lets it, and adopts the US rule on bulk data"
note "(28 CFR 202) as a pack, by its hash: of at most 1,000 devices in twelve months. What does it open?"
pack=rules/us-28cfr202.yaml
python_edit='
import sys
text = sys.stdin.read()
for old, new in (
    ("version: 1", "version: 2"),
    ("\nflows:\n", "\n  places:\n    from: [app-us]\n    key: event\n    keep: 400d\n    fields:\n"
     "      device: {type: text, category: user.device.device_id}\n"
     "      spot:   {type: text, category: user.location.precise}\n\nflows:\n"
     "  nearby:                                # where people watch, to within a kilometre\n    to: bytedance\n"
     "    use: functional.service.improve\n    gives: {places: {spot: place to 2 decimals}}\n\n"),
    ("{never: user.location,  to: {country: CN}}", "{never: user.location,  to: {country: CN}, unless: generalised}"),
    ("\nprohibitions:", "\nunder: [{rules: us-28cfr202@1, sha256: " + sys.argv[1] + "}]\n\nprohibitions:"),
):
    assert old in text, old
    text = text.replace(old, new, 1)
print(text, end="")'
"${PYTHON:-/usr/bin/python3}" -c "$python_edit" "$(sha256sum $pack | cut -d' ' -f1)" <$demo/input/agreement.yaml \
  >$demo/input/agreement-2.yaml
try holdfast agreement diff $demo/agreement.signed $demo/input/agreement-2.yaml --rules rules &&
  fail "the second version opens nothing"
note "All three agree to just that. Each rule of the pack holds always, or because of a limit that the server enforces:"
try holdfast agreement check $demo/input/agreement-2.yaml --rules rules
for party in bytedance oracle treasury; do
  source=$demo/agreement-2.signed
  [ -e "$source" ] || source=$demo/input/agreement-2.yaml
  holdfast agreement sign "$source" --key $demo/parties/$party.key --rules rules -o $demo/agreement-2.signed >/dev/null
done
try holdfast agreement adopt $demo/agreement-2.signed --as oracle
{
  echo subject,event,device,spot
  sed -n 2,1201p $demo/input/people.csv | cut -d, -f1 |
    awk '{printf "%s,1,phone-%d,\"%.5f,%.5f\"\n", $1, NR, 37 + NR % 997 / 1000, -122 + NR % 991 / 1000}'
} >$demo/input/places.csv
try holdfast import places $demo/input/places.csv --as app-us
note "1,200 people, a phone each. The operator asks for all of them:"
cut -d, -f1 $demo/input/places.csv | sed 1d >$demo/places.txt
try holdfast batch nearby $demo/places.txt --as bytedance >$demo/places.ndjson && fail "the law's threshold let all through"
released=$(grep -c '"receipt"' $demo/places.ndjson) refused=$(grep -c '"rule.threshold"' $demo/places.ndjson)
note "$released released, $refused refused. The first refusal:"
grep -m 1 '"rule.threshold"' $demo/places.ndjson
[ "$released $refused" = "1000 200" ] || fail "1,000 and 200 were expected"

say "5. A person takes their data along, and is forgotten"
try holdfast key certificate --subject "$subject" >/dev/null
call "subject-$subject" -o $demo/export.json "$url/v1/subjects/$subject/export"
try jq -c .recipients $demo/export.json
email=$(jq -r .profile.email <<<"$account")
grep -qF "$email" $demo/export.json || fail "the export lacks the e-mail"
note "Erased, by their own certificate. The answer comes when the key is gone from every file:"
call "subject-$subject" -X DELETE "$url/v1/subjects/$subject"
call app-us "$url/v1/flows/account/subjects/$subject"
expect '.status == 404 or .status == 403' "$answer"
note "Nor can it be read from the disk: we copy all that there is, records and keys, start another server on the copy with"
note "the same root key, and ask that one. It knows the next person, and not this one."
try holdfast backup $demo/copy/records --keys $demo/copy/keys --as oracle >/dev/null
try holdfast restore $demo/copy/records --keys $demo/copy/keys --to $demo/copy/hf/data >/dev/null
cp -r $hf/keys $hf/tls $hf/clients $hf/holdfast.yaml $demo/copy/hf/
serve $demo/copy/hf $demo/copy/server.log
copy_server=$server_pid
copy_url=$(jq -r .url $demo/copy/hf/ready.json)
call app-us "$copy_url/v1/flows/account/subjects/$other"
expect '.profile | has("email")' "$answer"
call app-us "$copy_url/v1/flows/account/subjects/$subject"
expect '.status == 404 or .status == 403' "$answer"
stop "$copy_server"
copy_server=
rm -rf $demo/copy
if grep -rqF "$email" $hf/data; then fail "the erased e-mail stands in a file"; fi

say "6. The overseer checks it all, with the log's URL and the parties' public keys"
parties=(--party bytedance.vkey --party oracle.vkey --party treasury.vkey)
printf '$ cd %s\n' $demo/overseer
(cd $demo/overseer && try holdfast verify "$evidence" "${parties[@]}" --state log.state) || fail "verify found something"
note ""
note "Someone forges one entry in a copy of the log: the desk's e-mail was clear, it says now, where it was a token."
try holdfast log export $demo/log
cp -r $demo/log $demo/forged
forged=$(grep -rlaF '"email":"token"' $demo/forged/tile/entries | sort | head -n 1)
LC_ALL=C sed -i '0,/"email":"token"/s//"email":"clear"/' "$forged"
found=0
printf '\n$ cd %s\n' $demo/overseer
(cd $demo/overseer && try holdfast verify ../forged "${parties[@]}") >$demo/forged.txt || found=$?
cat $demo/forged.txt
[ "$found" -ge 2 ] || fail "verify did not notice the forged entry (exit $found)"
grep -q "entry $receipt" $demo/forged.txt || fail "verify did not name entry $receipt"

# A version of a module, from the operator's source to the three signatures that release it. $4: "quietly" shows none of
# it but the last step.
release() { # flow's name for it, number, wasm file, quietly
  local name=$1 number=$2 wasm=$3 run=try
  local statement=$operator/$name-$number.statement
  [ "${4:-}" = quietly ] && run=
  $run holdfast module commit-source $operator/source --module "$wasm" --name "$name" --number "$number" \
    --builder 'bytedance, build room 2' --compiler "$compiler" --flag=-O3 --flag=-msimd128 -o "$statement" >$demo/commit.txt
  [ -n "$run" ] && cat $demo/commit.txt
  $run holdfast module sign "$statement" --key $demo/parties/bytedance.key >/dev/null
  hash=$($run holdfast module submit "$statement" "$wasm" --as bytedance --json | jq -r .hash)
  $run holdfast module show "$hash" --as treasury -o $demo/overseer/$name.statement >$demo/shown.txt
  [ -n "$run" ] && cat $demo/shown.txt
  $run holdfast module sign $demo/overseer/$name.statement --key $demo/parties/oracle.key >/dev/null
  $run holdfast module sign $demo/overseer/$name.statement --key $demo/parties/treasury.key >/dev/null
  try holdfast module release $demo/overseer/$name.statement --as bytedance
}
# The newest entry of that kind, as the evidence has it.
newest() { holdfast log tail --count 20 2>/dev/null | grep "\"kind\":\"$1\"" | tail -n 1; }
# A hostile version takes the ranker's place, is asked for a feed, and what became of it is shown.
hostile() { # plan, number
  release feed-ranker "$2" $build/bin/modules/hostile-"$1".wasm quietly
  call app-us "$url/v1/flows/feed/subjects/$other"
}

say "7. The operator's code comes to the data, and takes nothing home"
operator=$demo/operator
mkdir -p $operator/source
compiler=$(clang++-14 --version | head -n 1)
note "The operator builds its closed code: a trainer and a ranker, C++ to WebAssembly with Debian's clang."
cp examples/shortvideo/modules/{trainer.cc,ranker.cc,model.h,vector.h} sdk/guest/* $operator/source/
for module in trainer ranker; do
  try clang++-14 --target=wasm32-wasi -std=c++20 -O3 -msimd128 -fno-exceptions -Wl,--strip-all \
    $operator/source/$module.cc -o $operator/$module.wasm
done
note "It commits to the source without showing it, signs what it says of the module, and submits it. The trustee reads,"
note "compiles and tries it in a jail, on records that belong to nobody. The overseer looks at the report. Trustee and"
note "overseer sign too, as the agreement wants; only then flows run it."
release feed-trainer 1 $operator/trainer.wasm
expect '.kind == "module.released" and (.signed_by | length) == 3' "$(newest module.released)"
note "The same for the ranker:"
release feed-ranker 1 $operator/ranker.wasm quietly
note "One file, the one with the model's layout, is opened to a reviewer: it belongs to the source that was committed to,"
note "and tells nothing of the others."
try holdfast module open-file model.h --source $operator/source -o $demo/model.opening
try holdfast module open-file --check $demo/model.opening --statement $demo/overseer/feed-ranker.statement \
  --content $operator/source/model.h
note "There is no model yet, so there is no feed:"
call app-us "$url/v1/flows/feed/subjects/$other"
expect '.status == 403 and .code == "product.none"' "$answer"
note "The trustee has the trainer run over all views in custody. What it makes, the model, stays there, sealed."
try holdfast job start train --as oracle --wait
entry=$(newest job.finished)
jq -c . <<<"$entry"
expect '.kind == "job.finished" and .product == "model" and .records > 1900000' "$entry"
note "And the app asks for the feed of a person, and gets 20 ranked videos, computed from that person's own views:"
call app-us -w '\n%{time_total} s\n' "$url/v1/flows/feed/subjects/$other"
feed=$(head -n 1 <<<"$answer")
expect '(.feed | length) == 20' "$feed"
grep "^$other," $demo/input/views.csv | cut -d, -f3 | sort -u >$demo/seen.txt
jq -r '.feed[].video' <<<"$feed" | sort -u >$demo/feed.txt
[ -s $demo/seen.txt ] || fail "the person has no views"
[ "$(comm -12 $demo/seen.txt $demo/feed.txt | wc -l)" = 0 ] || fail "the feed shows what was seen"
third=$(sed -n 4p $demo/input/people.csv | cut -d, -f1)
call app-us "$url/v1/flows/feed/subjects/$third" >/dev/null
[ "$(jq -c .feed <<<"$answer")" != "$(jq -c .feed <<<"$feed")" ] || fail "two people have one feed"
note "How good is it? Trained on the first four fifths of a history, held against what people then looked at:"
modules=$build/examples/shortvideo/modules
try $modules/shortvideo_quality --trainer $modules/shortvideo_trainer --ranker $modules/shortvideo_ranker \
  --generate 300000 --people 300 || fail "the feed is no better than popularity"
note "The operator asks for that person's feed itself, and then drafts an agreement that would give it to it. What a module"
note "puts out carries every category that it reads, and what its model was made of; so the draft does not even check:"
call bytedance "$url/v1/flows/feed/subjects/$other"
expect '.status == 403 and .code == "flow.party"' "$answer"
sed 's/to: subject via app-us/to: bytedance/' $demo/input/agreement.yaml >$demo/input/draft.yaml
if try holdfast agreement check $demo/input/draft.yaml 2>&1 | tee $demo/draft.txt; then fail "the draft checks"; fi
grep -q 'agreement.prohibition.broken' $demo/draft.txt || fail "the draft breaks no prohibition"

say "8. A hostile operator, contained"
note "A ranker that opens a socket is not admitted: nothing that it could call is there."
socket=$build/bin/modules/hostile-socket.wasm
statement=$operator/socket.statement
commit() { holdfast module commit-source $operator/source --module "$1" --name feed-ranker --number 2 \
  --builder 'bytedance, build room 2' --compiler "$compiler" -o $statement; }
if commit $socket 2>$demo/socket.txt; then fail "the socket was committed to"; fi
cat $demo/socket.txt
note "So far its own copy of this program; it may of course use another. The trustee's server says the same, on record:"
commit $operator/ranker.wasm >/dev/null
jq --arg good "$(sha256sum $operator/ranker.wasm | cut -d' ' -f1)" --arg bad "$(sha256sum $socket | cut -d' ' -f1)" \
  '.payload |= (@base64d | sub($good; $bad) | @base64)' $statement >$demo/socket.statement
holdfast module sign $demo/socket.statement --key $demo/parties/bytedance.key >/dev/null
if try holdfast module submit $demo/socket.statement $socket --as bytedance 2>$demo/socket.txt; then
  fail "the socket was admitted"
fi
cat $demo/socket.txt
grep -q 'sock_send' $demo/socket.txt || fail "the import is not named"
entry=$(newest refused)
expect '.operation == "module-submit" and .reason == "sealed.module.import"' "$entry"
jq -c . <<<"$entry"
note ""
note "The others are signed by all three, as if nobody had looked, and run. One looks for the person's e-mail address to put"
note "it among the videos. The flow does not read it, so it is not there:"
hostile email 2
if grep -qF "$(grep "^$other," $demo/input/people.csv | grep -o '[^,]*@[^,]*' | head -n 1)" <<<"$answer"; then
  fail "the e-mail left"
fi
note "One writes behind its answer:"
hostile behind 3
expect '.code == "sealed.run.frame"' "$answer"
jq -c . <<<"$(newest run.failed)"
note "One takes all the memory that there is:"
hostile memory 4
expect '.code | startswith("sealed.run.")' "$answer"
jq -c . <<<"$(newest run.failed)"
note "One spins for ever:"
hostile spin 5
expect '.code == "sealed.run.time"' "$answer"
jq -c . <<<"$(newest run.failed)"
note "Nobody else noticed, and with the honest ranker back the feed is what it was:"
release feed-ranker 6 $operator/ranker.wasm quietly
call app-us "$url/v1/flows/feed/subjects/$other"
[ "$(jq -c '[.feed[].video] | sort' <<<"$answer")" = "$(jq -c '[.feed[].video] | sort' <<<"$feed")" ] || fail "the feed is another"

say "9. And all of it can be checked from outside"
printf '$ cd %s\n' $demo/overseer
(cd $demo/overseer && try holdfast verify "$evidence" "${parties[@]}" --state log.state) || fail "verify found something"
note ""
note "The overseer writes the report of the year, which the law asks for, from the same evidence; then goes from a figure to its entries."
year=$(date -u +%Y)
(cd $demo/overseer && try holdfast report "$evidence" "${parties[@]}" --from "$year-01-01" --to "$year-12-31" -o ../report.html)
grep -q 'Verified.' $demo/report.html || fail "the report does not say that the evidence holds"
traced=$(cd $demo/overseer && holdfast report "$evidence" "${parties[@]}" --entries flow:support@1 2>/dev/null | wc -l)
note "The figure flow:support@1 was counted from $traced entries; holdfast report --entries flow:support@1 prints them."
[ "$traced" -ge 501 ] || fail "the report traced $traced entries of the support flow"

say "That was it, in $((SECONDS - started)) seconds."
note "To look at: $demo/agreement.html, the agreement to sign, and $demo/report.html, the year's report."
note "The log is mirrored in $demo/log (any static web server can serve it), its key is $demo/log.vkey."
if [ -n "${KEEP:-}" ]; then
  note "The server runs on: $url, evidence at $evidence; stop it with: kill $server"
  disown "$server"
fi
