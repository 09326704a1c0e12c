#include <algorithm>

#include "ledger/state.h"

// The snapshot, version 3, in the encodings of base/bytes.h:
//   u8 3 | u64 newest time | adoptions | restricted | erasing | erased | tallies | modules submitted | modules released
//   | numbers | spending of every limit
// The last adoption is the agreement in force; its limits say how each spending is read.

namespace holdfast::ledger {
namespace {

constexpr std::uint8_t kVersion = 3;

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

// Templates, because a ledger's state is its own.
template <class State>
void put_numbers(Bytes& out, const State& state) {
  put_varint(out, state.numbers_kept);
  put_varint(out, state.numbers.size());
  for (std::uint32_t number = 0; number < state.numbers.size(); ++number) out += state.numbers[number].view();
}

template <class State>
void take_numbers(ByteReader& in, State& state) {
  state.numbers_kept = static_cast<std::uint32_t>(in.varint());
  const std::uint64_t count = in.varint();
  if (count > in.left() / Pseudonym::kSize) return in.fail();
  for (std::uint64_t number = 0; number < count; ++number) {
    const auto subject = Pseudonym::from(in.take(Pseudonym::kSize));
    if (!subject || state.numbers.add(*subject) != number) return in.fail();
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
  put_numbers(out, *state_);
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
  take_numbers(in, state);
  if (!in.ok() || !is_entry_time(state.newest_at)) return corrupt();
  if (!state.adoptions.empty()) {
    HF_TRY(Document document, read_document(state.documents, state.adoptions.back().document));
    if (document.plan->version != state.adoptions.back().version) return corrupt();
    state.put_in_force(std::move(document.plan));
    for (Spending& spending : state.spendings) spending.decode(in, state.numbers.size());
  }
  if (!in.done()) return corrupt();
  return out;
}

}  // namespace holdfast::ledger
