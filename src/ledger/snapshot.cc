#include <algorithm>

#include "ledger/state.h"

// The snapshot, version 6, in the encodings of base/bytes.h:
//   u8 6 | u64 newest time | adoptions | restricted | erasing | erased | tallies | modules submitted | modules released
//   | jobs | products | aggregates | numbers of subjects, of devices | spending of every limit
// The last adoption is the agreement in force; its limits say how each spending is read.

namespace holdfast::ledger {
namespace {

constexpr std::uint8_t kVersion = 6;

tl::unexpected<Error> corrupt() {
  return fail(Code::corrupt, "ledger.snapshot.corrupt", "",
              "the snapshot cannot be read; without it the log is followed from its beginning");
}

void put_set(Bytes& out, const PseudonymSet& set) {
  std::vector<Pseudonym> sorted(set.begin(), set.end());
  std::sort(sorted.begin(), sorted.end());
  put_varint(out, sorted.size());
  for (const Pseudonym& subject : sorted) out += subject.view();
}

PseudonymSet take_set(ByteReader& in) {
  PseudonymSet out;
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    if (const auto subject = Pseudonym::from(in.take(Pseudonym::kSize))) out.insert(*subject);
  }
  return out;
}

void put_adoption(Bytes& out, const Ledger::Adoption& adoption) {
  put_sized(out, adoption.name);
  put_varint(out, adoption.version);
  out += adoption.document.view();
  put_u64(out, static_cast<std::uint64_t>(adoption.at));
  put_varint(out, adoption.signed_by.size());
  for (const std::string& key : adoption.signed_by) put_sized(out, key);
}

Ledger::Adoption take_adoption(ByteReader& in) {
  Ledger::Adoption out;
  out.name = in.sized();
  out.version = static_cast<std::uint32_t>(in.varint());
  out.document = Hash::from(in.take(Hash::kSize)).value_or(Hash{});
  out.at = static_cast<UnixMillis>(in.u64());
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) out.signed_by.emplace_back(in.sized());
  return out;
}

void put_tally(Bytes& out, const Ledger::Tally& tally) {
  for (const std::string* text : {&tally.flow, &tally.to, &tally.gives}) put_sized(out, *text);
  for (const std::uint64_t number :
       {std::uint64_t{tally.agreement}, tally.releases, tally.records, tally.bytes, tally.contained}) {
    put_varint(out, number);
  }
  put_u64(out, static_cast<std::uint64_t>(tally.first));
  put_u64(out, static_cast<std::uint64_t>(tally.last));
}

Ledger::Tally take_tally(ByteReader& in) {
  Ledger::Tally out;
  for (std::string* text : {&out.flow, &out.to, &out.gives}) *text = in.sized();
  out.agreement = static_cast<std::uint32_t>(in.varint());
  for (std::uint64_t* number : {&out.releases, &out.records, &out.bytes, &out.contained}) *number = in.varint();
  out.first = static_cast<UnixMillis>(in.u64());
  out.last = static_cast<UnixMillis>(in.u64());
  return out;
}

void put_end(Bytes& out, const evidence::JobFinished& end) {
  put_sized(out, end.product);
  out += end.digest.view();
  for (const std::uint64_t number : {end.subjects, end.records, end.size_bytes}) put_varint(out, number);
}
void put_end(Bytes& out, const evidence::JobFailed& end) { put_sized(out, end.reason); }
void put_end(Bytes&, const auto&) {}

/// The kind of an end, by its place in Event; 0 when the job runs.
void put_job(Bytes& out, const Ledger::Job& job) {
  put_varint(out, job.id);
  put_sized(out, job.started.flow);
  put_sized(out, job.started.gives);
  const evidence::ModuleRun& run = job.started.run;
  out += run.module.view();
  put_varint(out, run.product ? *run.product + 1 : 0);
  out += run.seed.view();
  put_u64(out, static_cast<std::uint64_t>(run.started));
  put_sized(out, job.product);
  put_varint(out, job.agreement);
  put_u64(out, static_cast<std::uint64_t>(job.at));
  put_varint(out, job.end ? job.end->index() : 0);
  if (!job.end) return;
  std::visit([&](const auto& end) { put_end(out, end); }, *job.end);
  put_varint(out, job.end_index);
  put_u64(out, static_cast<std::uint64_t>(job.end_at));
}

std::optional<evidence::Event> take_end(ByteReader& in, std::uint64_t job) {
  const std::uint64_t kind = in.varint();
  if (kind == 0) return std::nullopt;
  if (kind == evidence::Event(evidence::JobFinished{}).index()) {
    evidence::JobFinished end;
    end.started = job;
    end.product = in.sized();
    end.digest = Hash::from(in.take(Hash::kSize)).value_or(Hash{});
    for (std::uint64_t* number : {&end.subjects, &end.records, &end.size_bytes}) *number = in.varint();
    return end;
  }
  if (kind == evidence::Event(evidence::JobFailed{}).index()) return evidence::JobFailed{job, std::string(in.sized())};
  if (kind != evidence::Event(evidence::JobCancelled{}).index()) in.fail();
  return evidence::JobCancelled{job};
}

Ledger::Job take_job(ByteReader& in) {
  Ledger::Job out;
  out.id = in.varint();
  out.started.flow = in.sized();
  out.started.gives = in.sized();
  evidence::ModuleRun& run = out.started.run;
  run.module = Hash::from(in.take(Hash::kSize)).value_or(Hash{});
  if (const std::uint64_t product = in.varint(); product > 0) run.product = product - 1;
  run.seed = evidence::RunSeed::from(in.take(evidence::RunSeed::kSize)).value_or(evidence::RunSeed{});
  run.started = static_cast<UnixMillis>(in.u64());
  out.product = in.sized();
  out.agreement = static_cast<std::uint32_t>(in.varint());
  out.at = static_cast<UnixMillis>(in.u64());
  out.end = take_end(in, out.id);
  if (!out.end) return out;
  out.end_index = in.varint();
  out.end_at = static_cast<UnixMillis>(in.u64());
  return out;
}

void put_product(Bytes& out, const Ledger::Product& product) {
  put_sized(out, product.name);
  out += product.digest.view();
  for (const std::uint64_t number : {product.job, product.subjects, product.records, product.size_bytes}) {
    put_varint(out, number);
  }
  put_u64(out, static_cast<std::uint64_t>(product.at));
}

Ledger::Product take_product(ByteReader& in) {
  Ledger::Product out;
  out.name = in.sized();
  out.digest = Hash::from(in.take(Hash::kSize)).value_or(Hash{});
  for (std::uint64_t* number : {&out.job, &out.subjects, &out.records, &out.size_bytes}) *number = in.varint();
  out.at = static_cast<UnixMillis>(in.u64());
  return out;
}

// Templates, because a ledger's state is its own.
template <class State>
void put_jobs(Bytes& out, const State& state) {
  put_varint(out, state.jobs.size());
  for (const Ledger::Job& job : state.jobs) put_job(out, job);
  put_varint(out, state.products.size());
  for (const auto& [name, product] : state.products) put_product(out, product);
}

template <class State>
void take_jobs(ByteReader& in, State& state) {
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) state.jobs.push_back(take_job(in));
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    Ledger::Product product = take_product(in);
    std::string name = product.name;
    if (!state.products.emplace(std::move(name), std::move(product)).second) in.fail();
  }
}

void put_aggregates(Bytes& out, const std::map<std::string, Ledger::Aggregated, std::less<>>& aggregates) {
  put_varint(out, aggregates.size());
  for (const auto& [flow, last] : aggregates) {
    put_sized(out, flow);
    out += last.digest.view();
    put_u64(out, static_cast<std::uint64_t>(last.until));
    put_sized(out, last.what);
  }
}

void take_aggregates(ByteReader& in, std::map<std::string, Ledger::Aggregated, std::less<>>& aggregates) {
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    std::string flow(in.sized());
    Ledger::Aggregated last;
    last.digest = Hash::from(in.take(Hash::kSize)).value_or(Hash{});
    last.until = static_cast<UnixMillis>(in.u64());
    last.what = in.sized();
    if (!aggregates.emplace(std::move(flow), std::move(last)).second) in.fail();
  }
}

template <class Seen>
void put_seen(Bytes& out, const Seen& seen) {
  put_varint(out, seen.kept);
  put_varint(out, seen.numbers.size());
  for (std::uint32_t number = 0; number < seen.numbers.size(); ++number) out += seen.numbers[number].view();
}

template <class Seen>
void take_seen(ByteReader& in, Seen& seen) {
  seen.kept = static_cast<std::uint32_t>(in.varint());
  const std::uint64_t count = in.varint();
  if (count > in.left() / Pseudonym::kSize) return in.fail();
  for (std::uint64_t number = 0; number < count; ++number) {
    const auto each = Pseudonym::from(in.take(Pseudonym::kSize));
    if (!each || seen.numbers.add(*each) != number) return in.fail();
  }
}

}  // namespace

Bytes Ledger::snapshot() const {
  Bytes out(1, static_cast<char>(kVersion));
  put_u64(out, static_cast<std::uint64_t>(state_->newest_at));
  put_varint(out, state_->adoptions.size());
  for (const Adoption& adoption : state_->adoptions) put_adoption(out, adoption);
  for (const PseudonymSet* set : {&state_->restricted, &state_->erasing, &state_->erased}) put_set(out, *set);
  put_varint(out, state_->tallies.size());
  for (const Tally& tally : state_->tallies) put_tally(out, tally);
  put_modules(out, state_->submitted, state_->module_releases);
  put_jobs(out, *state_);
  put_aggregates(out, state_->aggregates);
  put_seen(out, state_->subjects);
  put_seen(out, state_->devices);
  for (const Spending& spending : state_->spendings) spending.encode(out);
  return out;
}

Result<Ledger> Ledger::restore(ByteView snapshot, DocumentReader documents, std::vector<VerifierKey> first_keys) {
  ByteReader in(snapshot);
  if (in.u8() != kVersion) return corrupt();
  Ledger out(std::move(documents), std::move(first_keys));
  State& state = *out.state_;
  state.newest_at = static_cast<UnixMillis>(in.u64());
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) state.adoptions.push_back(take_adoption(in));
  for (PseudonymSet* set : {&state.restricted, &state.erasing, &state.erased}) *set = take_set(in);
  for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) state.tallies.push_back(take_tally(in));
  take_modules(in, state.submitted, state.module_releases);
  take_jobs(in, state);
  take_aggregates(in, state.aggregates);
  take_seen(in, state.subjects);
  take_seen(in, state.devices);
  if (!in.ok() || !is_entry_time(state.newest_at)) return corrupt();
  if (!state.adoptions.empty()) {
    HF_TRY(Document document, read_document(state.documents, state.adoptions.back().document));
    if (document.plan->version != state.adoptions.back().version) return corrupt();
    state.put_in_force(std::move(document.plan), state.newest_at);
    for (std::size_t i = 0; i < state.spendings.size(); ++i) {
      const bool by_device = state.plan->limits[i].counts == agreement::Limit::Counts::devices;
      state.spendings[i].decode(in, (by_device ? state.devices : state.subjects).numbers.size());
    }
  }
  if (!in.done()) return corrupt();
  return out;
}

}  // namespace holdfast::ledger
