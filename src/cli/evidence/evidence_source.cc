#include "cli/evidence/evidence_source.h"

#include "cli/evidence/evidence_place.h"

namespace holdfast::cli {

void add_evidence_source(CLI::App& command, EvidenceSource& source) {
  command.add_option("LOG", source.log, "The log's URL, or a folder as 'holdfast log export' writes it")->required();
  command
      .add_option("--party", source.parties,
                  "Public key of a party, a file or the key itself; one for each who must sign the first agreement")
      ->required()
      ->allow_extra_args(false);
  command.add_option("--log-key", source.log_key,
                     "The log's public key, a file or the key itself (default: what the agreement pins)");
  command.add_option("--ca", source.ca, "Authority that signed the server's certificate (default: the system's)");
  command.add_option("--threads", source.threads, "How many to use (default: as suits the source)")
      ->check(CLI::Range(1u, 256u));
}

Result<verify::Options> to_verify(const EvidenceSource& source) {
  verify::Options wanted;
  wanted.log = source.log;
  for (const std::string& party : source.parties) {
    HF_TRY(VerifierKey key, read_verifier_key(party));
    wanted.parties.push_back(std::move(key));
  }
  if (!source.log_key.empty()) {
    HF_TRY(VerifierKey key, read_verifier_key(source.log_key));
    wanted.log_key = std::move(key);
  }
  wanted.threads = source.threads;
  wanted.http.ca_file = source.ca;
  return wanted;
}

std::function<void(const verify::Progress&)> showing(std::unique_ptr<Progress>& bar, std::string what) {
  return [&bar, what = std::move(what)](const verify::Progress& at) {
    if (!bar) bar = std::make_unique<Progress>(what, "entries", at.total);
    bar->update(at.done, at.done);
  };
}

}  // namespace holdfast::cli
