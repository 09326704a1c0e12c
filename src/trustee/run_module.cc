// Steps 4 to 6 where a flow runs a sealed module: what it reads goes to the module, and what comes back is taken for
// whatever an enemy would write.
#include "base/hash.h"
#include "base/secret.h"
#include "disclosure/padding.h"
#include "trustee/loops/run_service.h"
#include "trustee/release.h"

namespace holdfast::trustee {
namespace {

constexpr std::string_view kContained = "sealed.run.";

/// How a run ended that gave nothing: for the caller, and, without its beginning, for the evidence.
tl::unexpected<Error> contained(std::string_view slug, const agreement::Flow& flow, const std::string& how) {
  return fail(Code::internal, slug, flow.name,
              "the sealed module '" + flow.module + "' " + how +
                  "; nothing of it left, and the evidence says so. The module's log says more, to trustee and "
                  "overseer: holdfast "
                  "module log " +
                  flow.module);
}

/// The output of a run, if it may be looked at.
Result<Bytes> output_of(const agreement::Flow& flow, Result<sealed::Answer>& answer) {
  if (!answer) {
    const std::string_view slug = answer.error().slug;
    if (slug == "sealed.worker.died") return contained("sealed.run.died", flow, "broke its worker");
    if (slug == "sealed.worker.overstayed") return contained("sealed.run.overstayed", flow, "could not be stopped");
    if (slug == "sealed.worker.lied") return contained("sealed.run.lied", flow, "wrote where it may not");
    return tl::unexpected<Error>(answer.error());
  }
  if (answer->good()) return std::move(answer->output);
  const std::string how = "ended badly: " + answer->text();
  switch (answer->ending) {
    case sealed::Ending::trapped:
      return contained("sealed.run.trapped", flow, how);
    case sealed::Ending::stack_exhausted:
      return contained("sealed.run.stack", flow, how);
    case sealed::Ending::time_exhausted:
      return contained("sealed.run.time", flow, how);
    case sealed::Ending::output_exhausted:
      return contained("sealed.run.output", flow, how);
    case sealed::Ending::engine_refused:
      return contained("sealed.run.engine", flow, how);
    case sealed::Ending::finished:
      break;
  }
  return contained("sealed.run.exit", flow, "ended with an exit code other than 0");
}

/// Does a withheld text stand in `output` that the module was not given? What it was given is read anew, for this is
/// the rare case.
Result<bool> tells_withheld(const Trustee::Impl& self, const RunInput& input, const Asked& asked, ByteView output) {
  HF_TRY(const RunInput::Read again, input.read(*self.vault, asked.subject));
  return again.withheld.occurs_in(output, again.frame);
}

/// Step 5 and 6: the one frame that a run may put out becomes JSON; nothing that the module was not given is in it; it
/// is as long as one of few lengths.
Result<std::string> form_output(const Trustee::Impl& self, const RunInput& input, const Asked& asked,
                                const disclosure::Withheld& withheld, ByteView output) {
  const agreement::Flow& flow = asked.flow();
  const std::size_t most = flow.size_max_bytes.value_or(0);

  // 5. form
  const auto frame = sealed::read_frame(output);
  if (!frame || frame->subjects != 1) return contained("sealed.run.frame", flow, "put out what is no answer");
  std::string json;
  sealed::append_json(json, *frame);
  if (json.size() > most) {
    return contained("sealed.run.output", flow,
                     "put out what takes more than the " + std::to_string(most) + " bytes the agreement allows");
  }

  // 6. inspect
  if (withheld.occurs_in(output)) {
    HF_TRY(const bool tells, tells_withheld(self, input, asked, output));
    if (tells) return contained("sealed.run.withheld", flow, "put out a text of the subject that it was not given");
  }
  json.resize(disclosure::padded_size(json.size(), most), ' ');  // JSON may end in spaces
  return json;
}

sealed::Request request_of(const Trustee::Impl& self, const agreement::Flow& flow, const evidence::ModuleRun& run,
                           Bytes frame) {
  sealed::Request out;
  out.input = std::move(frame);
  out.seed = self.seed_of(run);
  out.time_ns = static_cast<std::uint64_t>(run.started) * 1'000'000;
  out.run_max = self.runs->options().run_max;
  out.output_bytes_max = static_cast<std::uint32_t>(flow.size_max_bytes.value_or(0));
  return out;
}

/// What `flow` runs now.
Result<Loadable> in_force(const Trustee::Impl& self, const agreement::Flow& flow) {
  if (!self.runs) {
    return fail(Code::unsupported, "flow.kind.unavailable", flow.name,
                "this server runs no sealed modules: the program for their workers is not beside it");
  }
  return self.state->ledger([&](const ledger::Ledger& ledger) { return loadable_of(ledger, flow); });
}

/// Loads it off the event loop, if it is not there yet.
Task<Loadable> loaded(Trustee::Impl& self, const agreement::Flow& flow) {
  HF_CO_TRY(const Loadable what, in_force(self, flow));
  if (!self.runs->loaded(what)) {
    const auto loading = co_await await_job(self.jobs, [&self, &what] { return self.runs->load(what); });
    if (!loading) co_return tl::unexpected<Error>(loading.error());
  }
  co_return what;
}

/// One subject between step 4 and step 6.
struct Reading {
  RunInput::Read read;
  evidence::ModuleRun run;
};

Result<Reading> read_for(const Trustee::Impl& self, const Asked& asked, const Loadable& what) {
  HF_TRY(auto read, asked.active->run_inputs[asked.index]->read(*self.vault, asked.subject));
  if (read.records == 0) {
    return fail(Code::not_found, "vault.record.unknown", "", "nothing is held on this subject in what the flow reads");
  }
  return Reading{std::move(read), {what.module, what.product, new_run_seed(), asked.now}};
}

/// Of a contained run, for the module's log: without any value, which what was put out may hold.
std::string how_it_ended(const Result<sealed::Answer>& answer) {
  if (!answer) return {};
  return " (" + answer->text() + (answer->good() ? "; what it put out did not leave)" : ")");
}

Result<Prepared> prepare(const Trustee::Impl& self, const Caller& caller, const Asked& asked, const Reading& reading,
                         Result<sealed::Answer> answer) {
  const agreement::Flow& flow = asked.flow();
  Prepared out;
  auto payload = [&]() -> Result<std::string> {
    HF_TRY(const Bytes output, output_of(flow, answer));
    return form_output(self, *asked.active->run_inputs[asked.index], asked, reading.read.withheld, output);
  }();
  if (payload) {
    if (!answer->log.empty()) self.runs->note(flow.module, reading.run.module, asked.now, "finished", *answer);
    out.disclosure.payload = std::move(*payload);
    Salted proof = salted(out.disclosure.payload);
    out.disclosure.salt = std::move(proof.salt);
    out.entry = self.entry(*asked.active, caller.name,
                           evidence::Released{flow.name,
                                              caller.name,
                                              asked.subject.pseudonym(),
                                              flow.gives_json,
                                              reading.read.records,
                                              proof.digest,
                                              out.disclosure.payload.size(),
                                              {},
                                              reading.run});
    return out;
  }
  const std::string_view slug = payload.error().slug;
  if (!slug.starts_with(kContained)) return tl::unexpected<Error>(std::move(payload).error());
  const std::string ending(slug.substr(kContained.size()));
  self.runs->note(flow.module, reading.run.module, asked.now, ending + how_it_ended(answer),
                  answer ? *answer : sealed::Answer{});
  out.entry =
      self.entry(*asked.active, caller.name,
                 evidence::RunFailed{flow.name, asked.subject.pseudonym(), ending, reading.read.records, reading.run});
  out.contained = std::move(payload).error();
  return out;
}

}  // namespace

evidence::RunSeed new_run_seed() { return *evidence::RunSeed::from(random_bytes(evidence::RunSeed::kSize)); }

std::array<std::uint8_t, 32> Trustee::Impl::seed_of(const evidence::ModuleRun& run) const {
  Bytes base(run.seed.view());
  base += run.module.view();
  return hmac_sha256(run_seeds.view(), base).bytes;
}

Async<std::vector<Result<Prepared>>> run_module(Trustee::Impl& self, const Caller& caller, std::vector<Asked> asked) {
  std::vector<Result<Prepared>> out(asked.size());
  const auto what = co_await loaded(self, asked.front().flow());
  if (!what) {
    for (auto& each : out) each = tl::unexpected<Error>(what.error());
    co_return out;
  }

  // 4. read: nothing but what the flow names, and no form between
  std::vector<Reading> readings;
  std::vector<std::size_t> index_of;
  std::vector<sealed::Request> requests;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    auto reading = read_for(self, asked[i], *what);
    if (!reading) {
      out[i] = tl::unexpected<Error>(std::move(reading).error());
      continue;
    }
    requests.push_back(request_of(self, asked[i].flow(), reading->run, std::move(reading->read.frame)));
    readings.push_back(std::move(*reading));
    index_of.push_back(i);
  }
  if (requests.empty()) co_return out;

  Running running;
  co_await RunService::run(self.runs->pool(), what->key(), std::move(requests), self.runs->options().beat, running);

  // 5. form, 6. inspect
  for (std::size_t k = 0; k < readings.size(); ++k) {
    out[index_of[k]] = prepare(self, caller, asked[index_of[k]], readings[k], std::move(running.answers[k]));
  }
  co_return out;
}

}  // namespace holdfast::trustee
