#include "evidence/formats/entry.h"

#include <string.h>  // memrchr

#include <array>
#include <concepts>

#include "evidence/formats/canonical.h"
#include "evidence/formats/tile.h"

namespace holdfast::evidence {
namespace {

// In the order of Event's alternatives.
constexpr std::array<std::string_view, std::variant_size_v<Event>> kKinds = {
    "agreement.adopted", "server.started",   "deposited",          "released",
    "refused",           "subject.exported", "subject.restricted", "subject.unrestricted",
    "erasure.asked",     "erasure.done",     "retention.swept",    "root-key.rotated",
    "backup.taken",      "module.submitted", "module.shown",       "module.released",
    "module.withdrawn",  "run.failed",       "module.log-read",    "job.started",
    "job.finished",      "job.failed",       "job.cancelled",      "aggregate.released"};

template <class T, class Kind>
concept Is = std::same_as<std::remove_const_t<T>, Kind>;

// members() describes each kind once, for reading and for writing: its members in the order of their names, with
// the four that every entry has (agreement, at, kind, party) at their places.

template <class Json, class E>
void head(Json& json, E& entry) {
  json("agreement", entry.agreement);
  json.time("at", entry.at);
}

template <class Json, class E>
void middle(Json& json, E& entry) {
  json.literal("kind", kKinds[entry.event.index()]);
}

template <class Json, class E, Is<AgreementAdopted> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("document", event.document);
  middle(json, entry);
  json("name", event.name);
  json("party", entry.party);
  json("signed_by", event.signed_by);
  json("version", event.version);
}

template <class Json, class E, Is<ServerStarted> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("binary", event.binary);
  middle(json, entry);
  json("party", entry.party);
  json("software", event.software);
}

template <class Json, class E, Is<Deposited> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("collection", event.collection);
  json("digest", event.digest);
  middle(json, entry);
  json("party", entry.party);
  json("records", event.records);
  json("subject", event.subject);
  json("subjects", event.subjects);
}

/// A run's own members, in an object of theirs.
template <class Json, class T>
void run_members(Json& json, T& run) {
  json("module", run.module);
  json("product", run.product);
  json("seed", run.seed);
  json.time("started", run.started);
}

template <class Json, class E, Is<Released> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("devices", event.devices);
  json("digest", event.digest);
  json("flow", event.flow);
  json.object("gives", event.gives);
  middle(json, entry);
  json("party", entry.party);
  json("records", event.records);
  json.group("run", event.run, [](auto& inner, auto& run) { run_members(inner, run); });
  json("size", event.size_bytes);
  json("subject", event.subject);
  json("to", event.to);
}

template <class Json, class E, Is<AggregateReleased> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("digest", event.digest);
  json("flow", event.flow);
  json.object("gives", event.gives);
  json("groups", event.groups);
  middle(json, entry);
  json("party", entry.party);
  json("size", event.size_bytes);
  json.group("spent", event.spent, [](auto& inner, auto& spent) {
    inner("delta", spent.delta);
    inner("epsilon", spent.epsilon);
  });
  json("to", event.to);
}

template <class Json, class E, Is<Refused> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("count", event.count);
  json("flow", event.flow);
  middle(json, entry);
  json("operation", event.operation);
  json("party", entry.party);
  json("reason", event.reason);
}

template <class Json, class E, Is<SubjectExported> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("digest", event.digest);
  middle(json, entry);
  json("party", entry.party);
  json("size", event.size_bytes);
  json("subject", event.subject);
}

/// The kinds that say no more than whom they are about.
template <class T>
concept OnlySubject =
    Is<T, SubjectRestricted> || Is<T, SubjectUnrestricted> || Is<T, ErasureAsked> || Is<T, ErasureDone>;

template <class Json, class E, OnlySubject T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  middle(json, entry);
  json("party", entry.party);
  json("subject", event.subject);
}

template <class Json, class E, Is<RetentionSwept> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("collection", event.collection);
  middle(json, entry);
  json("party", entry.party);
  json("records", event.records);
  json("subjects", event.subjects);
}

template <class Json, class E, Is<RootKeyRotated> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("from", event.from);
  middle(json, entry);
  json("party", entry.party);
  json("subjects", event.subjects);
  json("to", event.to);
}

template <class Json, class E, Is<BackupTaken> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  middle(json, entry);
  json("party", entry.party);
  json("size", event.size);
}

template <class Json, class E, Is<ModuleSubmitted> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("hash", event.hash);
  middle(json, entry);
  json("module", event.module);
  json("party", entry.party);
  json("size", event.size_bytes);
  json("statement", event.statement);
  json("version", event.version);
}

template <class Json, class E, Is<ModuleShown> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("hash", event.hash);
  middle(json, entry);
  json("party", entry.party);
}

template <class Json, class E, Is<ModuleReleased> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("hash", event.hash);
  middle(json, entry);
  json("module", event.module);
  json("party", entry.party);
  json("signed_by", event.signed_by);
  json("statement", event.statement);
  json("version", event.version);
}

template <class Json, class E, Is<ModuleWithdrawn> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("hash", event.hash);
  middle(json, entry);
  json("module", event.module);
  json("party", entry.party);
}

template <class Json, class E, Is<RunFailed> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("ending", event.ending);
  json("flow", event.flow);
  middle(json, entry);
  json("party", entry.party);
  json("records", event.records);
  json.group("run", event.run, [](auto& inner, auto& run) { run_members(inner, run); });
  json("subject", event.subject);
}

template <class Json, class E, Is<ModuleLogRead> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("digest", event.digest);
  middle(json, entry);
  json("module", event.module);
  json("party", entry.party);
  json("size", event.size_bytes);
}

template <class Json, class E, Is<JobStarted> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("flow", event.flow);
  json.object("gives", event.gives);
  middle(json, entry);
  json("party", entry.party);
  json.group("run", event.run, [](auto& inner, auto& run) { run_members(inner, run); });
}

template <class Json, class E, Is<JobFinished> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  json("digest", event.digest);
  middle(json, entry);
  json("party", entry.party);
  json("product", event.product);
  json("records", event.records);
  json("size", event.size_bytes);
  json("started", event.started);
  json("subjects", event.subjects);
}

template <class Json, class E, Is<JobFailed> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  middle(json, entry);
  json("party", entry.party);
  json("reason", event.reason);
  json("started", event.started);
}

template <class Json, class E, Is<JobCancelled> T>
void members(Json& json, E& entry, T& event) {
  head(json, entry);
  middle(json, entry);
  json("party", entry.party);
  json("started", event.started);
}

/// The kind named in `json`, before anything else of it is known. The last occurrence is the entry's own: what comes
/// after it are strings, in which a quotation mark has a backslash before it.
std::string_view kind_in(ByteView json) {
  constexpr std::string_view mark = ",\"kind\":\"";
  constexpr std::size_t rare = mark.find('k');  // looked for by itself, as memrchr is quick and rfind is not
  std::size_t end = json.size();
  while (const void* found = memrchr(json.data(), mark[rare], end)) {
    end = static_cast<std::size_t>(static_cast<const char*>(found) - json.data());
    if (end < rare || !json.substr(end - rare).starts_with(mark)) continue;
    const ByteView rest = json.substr(end - rare + mark.size());
    return rest.substr(0, rest.find('"'));
  }
  return {};
}

/// Makes `event` the (empty) kind number `index`.
template <std::size_t I = 0>
void emplace_kind(Event& event, std::size_t index) {
  if constexpr (I < std::variant_size_v<Event>) {
    if (I == index)
      event.emplace<I>();
    else
      emplace_kind<I + 1>(event, index);
  }
}

}  // namespace

std::string_view Entry::kind() const { return kKinds[event.index()]; }

Result<void> Entry::encode_to(Bytes& out) const {
  const std::size_t start = out.size();
  CanonicalWriter json(out);
  std::visit([&](const auto& kind) { members(json, *this, kind); }, event);
  if (!json.finish()) {
    out.resize(start);
    return fail(Code::invalid, "evidence.entry.value", std::string(kind()),
                "An entry's texts must be UTF-8, its numbers below 2^53, and what is given a canonical JSON object.");
  }
  if (out.size() - start > kEntryBytesMax) {
    out.resize(start);
    return fail(Code::invalid, "evidence.entry.large", std::string(kind()),
                "An entry has at most 65535 bytes: log the digest of what does not fit.");
  }
  return {};
}

std::string Entry::encode() const {
  std::string out;
  HF_ASSERT(encode_to(out).has_value());
  return out;
}

Result<Entry> Entry::decode(ByteView json) {
  const auto malformed = [] {
    return fail(Code::corrupt, "evidence.entry.malformed", "",
                "The entry is not the canonical JSON of a kind that this version knows.");
  };
  const std::string_view kind = kind_in(json);
  std::size_t index = 0;
  while (index < kKinds.size() && kKinds[index] != kind) ++index;
  if (index == kKinds.size() || json.size() > kEntryBytesMax) return malformed();
  Result<Entry> out;
  Entry& entry = *out;
  emplace_kind(entry.event, index);
  CanonicalReader reader(json);
  std::visit([&](auto& of_kind) { members(reader, entry, of_kind); }, entry.event);
  if (!reader.finish()) out = malformed();
  return out;
}

}  // namespace holdfast::evidence
