#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/note.h"

namespace holdfast::agreement {

/// What an agreement becomes when it is adopted: immutable, indices instead of names, shared by all threads.
/// An index is only meaningful together with the Plan it came from.
using PartyIndex = std::uint16_t;
using CollectionIndex = std::uint16_t;
using FieldIndex = std::uint16_t;
using FlowIndex = std::uint16_t;
using LimitIndex = std::uint16_t;

enum class Role : std::uint8_t { operator_, trustee, overseer, recipient };
std::string_view to_string(Role);  ///< "operator", "trustee", …

enum class FieldType : std::uint8_t { text, integer, decimal, boolean, date, time, duration, bytes, text_list };
std::string_view to_string(FieldType);  ///< as written: "text", …, "list of text"

/// How a value leaves. Ordered by what it reveals (`reveals_at_most`): clear > the generalised > token > redacted.
struct Form {
  enum class Kind : std::uint8_t { redacted, token, year, month, first, range, age_band, place, clear };
  Kind kind = Kind::redacted;
  std::int64_t argument = 0;  ///< first: characters; range and age_band: width; place: decimals kept

  /// As written in an agreement and in evidence: "first 3", "range of 1000", "age band of 10", "place to 1 decimal".
  std::string text() const;
  bool operator==(const Form&) const = default;
};

/// How much of a value something reveals, from nothing to all; prohibitions are measured on this scale.
enum class Level : std::uint8_t { nothing, aggregate, token, generalised, clear };

/// A share of a party, in parts per million: exact for every share that can be written.
using SharePpm = std::uint32_t;
inline constexpr SharePpm kShareWhole = 1'000'000;
/// From this share on an owner controls what it owns, where a prohibition says nothing else (28 CFR 202.211(a)).
inline constexpr SharePpm kShareControl = 500'000;

/// Who owns a share of a party: those of a country, or another party.
struct Owner {
  std::string country;              ///< ISO 3166-1 alpha-2; empty when it is a party
  std::optional<PartyIndex> party;  ///< set when `country` is empty
  SharePpm share = 0;
  std::uint32_t line = 0;
};

struct Party {
  std::string name;
  Role role = Role::recipient;
  /// All that a flow to it counts as a flow to: where it is, from where it is looked at, who controls it (by
  /// `control.h` at kShareControl) or operates it. ISO 3166-1 alpha-2; sorted.
  std::vector<std::string> countries;
  std::optional<VerifierKey> key;  ///< required of operator, trustee, overseer
  std::optional<PartyIndex> operated_by;
  std::string country;                     ///< where it is
  std::vector<std::string> controlled_by;  ///< countries that direct it, as declared
  std::vector<std::string> viewed_from;    ///< countries from which its people look at what it gets
  std::vector<Owner> owners;               ///< at most a whole together; the rest is nobody's concern
  std::vector<PartyIndex> shares_with;     ///< to whom it may pass on everything that it gets
  std::uint32_t line = 0;                  ///< in the document, 1-based
};

struct Field {
  std::string name;
  FieldType type = FieldType::text;
  std::string category;    ///< Fideslang dot-path
  std::uint32_t tag = 0;   ///< names the field in stored records: first 32 bits of SHA-256(name),
                           ///< unique within the collection (checked)
  std::uint32_t line = 0;  ///< in the document
};

struct Collection {
  std::string name;
  std::optional<std::string> key;  ///< set: many records a subject, append-only, told apart by this
  std::chrono::seconds keep{0};
  std::vector<Field> fields;
  std::vector<PartyIndex> depositors;  ///< who may deposit
  std::uint32_t tag = 0;               ///< as for fields, unique within the agreement
  std::uint32_t line = 0;              ///< in the document
  bool append_only() const { return key.has_value(); }
};

struct Given {
  FieldIndex field = 0;
  Form form;
  std::uint32_t line = 0;
};
struct GivenCollection {
  CollectionIndex collection = 0;
  std::vector<Given> fields;  ///< in the document's order
};

/// What a sealed module reads, or what an aggregate is made of.
struct Reads {
  CollectionIndex collection = 0;
  std::vector<FieldIndex> fields;
  std::uint32_t line = 0;
};

/// A bound on what may leave. Of a flow: a calendar window (UTC) that starts anew. Of a prohibition (`bulk`):
/// distinct subjects over a rolling window, whatever the flow.
struct Limit {
  enum class Counts : std::uint8_t { subjects, records, devices };
  std::string name;  ///< "flow:support" or "bulk:1", unique; in evidence and in errors
  /// subjects: distinct ones within the window. devices: of a rule pack's threshold, what Flow::devices says; of a flow
  /// that has none, and is counted because its data can be linked to one that has, each subject is one.
  Counts counts = Counts::subjects;
  std::uint64_t amount = 0;
  enum class Window : std::uint8_t { hour, day, week, month, year } window = Window::day;
  std::uint32_t windows = 1;  ///< `12 months`: month and 12; more than one only when rolling
  bool rolling = false;
  /// The document's spelling: "200 subjects per day".
  std::string text;
  /// Of a rule pack's threshold: the rule and whom it protects the data from; else empty.
  struct OfRule {
    std::string key;                      ///< "us-28cfr202/genomic": the same in every version of the pack
    std::string rule;                     ///< "rule 'genomic' of us-28cfr202@1 (28 CFR 202.205(a)(1))"
    std::string scope;                    ///< "China", or "'bytedance'"
    std::vector<std::string> recipients;  ///< the parties that are counted together, sorted
  };
  std::optional<OfRule> of_rule;
};

/// What an aggregate adds up for each group: its records, or the values of a field, each brought within bounds. Values
/// and bounds are whole numbers of 10^-scale of what the field has: of thousandths, for durations and decimals.
struct Measure {
  std::string name;
  std::optional<FieldIndex> field;  ///< nothing: records are counted
  std::int64_t low = 0, high = 1;
  int scale = 0;
  std::string text;  ///< "sum of watched within 0s..600s"
};

/// Sums over all subjects, with noise: differentially private, a subject with all its records being what may be there
/// or not (Dwork, Roth, "The Algorithmic Foundations of Differential Privacy", 2014).
struct Aggregate {
  std::vector<FieldIndex> by;  ///< groups are of the same values of these; none: one total
  std::vector<Measure> measures;
  std::uint64_t epsilon_micro = 0;  ///< millionths, for the window; each part of it gets the same share
  double delta = 0;
  std::string epsilon, delta_text;  ///< as the document spells them
  Limit::Window per = Limit::Window::week;
  std::uint32_t contributions = 1;  ///< so many records of a subject count at most

  /// Among how many the budget is shared: the measures, and where there are groups, which of them are told of.
  std::uint64_t parts() const { return measures.size() + (by.empty() ? 0 : 1); }
  /// "epsilon 1 and delta 1e-9 per week, of at most 20 records of a subject"
  std::string privacy() const;
  /// What is added up, for people: "views, by video: views (count), watch-time (sum of watched within 0s..600s)".
  std::string sums;
  /// All of it, for people, and to tell whether it changed.
  std::string text() const { return sums + "; " + privacy(); }
};

/// Where a law counts devices: what the records that a flow gives of a collection tell them apart by.
struct CountedDevices {
  CollectionIndex collection = 0;
  std::vector<FieldIndex> fields;  ///< none: each record counts as a device of its own
};

struct Flow {
  enum class Kind : std::uint8_t { gives, run, aggregate };
  std::string name;
  Kind kind = Kind::gives;
  PartyIndex to = 0;  ///< who receives; for `subject via P`: P, who passes it on; of `makes`: the trustee
  bool to_subject = false;
  std::string use;
  std::vector<GivenCollection> gives;  ///< kind gives
  std::string module;                  ///< kind run: the sealed module's name
  std::vector<Reads> reads;            ///< kinds run and aggregate
  /// kind run: a job over all subjects makes this product, which stays in custody. Nothing of such a flow leaves but
  /// through flows that run `with` it.
  std::optional<std::string> makes;
  std::optional<std::string> with;  ///< kind run: the product that the module gets beside its input
  std::optional<FlowIndex> maker;   ///< of `with`: the flow that makes it
  std::vector<LimitIndex> limits;
  std::optional<Aggregate> aggregate;         ///< kind aggregate; the collection is that of `reads`
  std::vector<CountedDevices> devices;        ///< kind gives, by collection; none: nothing is so counted
  std::optional<std::size_t> size_max_bytes;  ///< payload of one release
  /// Canonical JSON of what is given: {"profile":{"email":"token"}}, or read by a module: {"views":{"video":"read"}},
  /// or added up: {"views":{"video":"aggregate"}}; goes into every release's entry.
  std::string gives_json;
  std::uint32_t line = 0;
};

/// A field that the output of a flow may tell of: the flow reads it, or the product that it runs with was made of it.
struct Carried {
  FlowIndex reader = 0;  ///< the flow that reads it: the flow itself, or one of a job
  CollectionIndex collection = 0;
  FieldIndex field = 0;
  std::uint32_t line = 0;  ///< in the document, where it is read
};

/// Who must sign a change: every one of `all`, and at least `any` of the signing parties.
struct Quorum {
  std::vector<PartyIndex> all;
  std::uint32_t any = 0;
};

/// What must not happen, whatever flows are declared.
struct Prohibition {
  enum class Kind : std::uint8_t { never, bulk };
  Kind kind = Kind::never;
  std::string category;
  std::vector<std::string> countries;   ///< whom it is about: countries (taken together), sorted; or
  std::optional<PartyIndex> party;      ///< one party
  SharePpm control_at = kShareControl;  ///< from what share on owners of `countries` make a party count as theirs
  Level allowed = Level::nothing;       ///< never: the most that may still leave
  std::optional<Limit> limit;           ///< bulk
  std::uint32_t line = 0, column = 0;   ///< in the document; the column in bytes
};

/// A rule pack that the agreement adopts: a document of its own, which lies beside the agreement's in the log.
struct AdoptedPack {
  std::string name;
  std::uint32_t version = 0;
  Hash hash;  ///< SHA-256 of the pack's exact bytes
  std::string title;
  std::vector<PartyIndex> named;  ///< whom the agreement names as covered, where the pack leaves it to that; sorted
  std::uint32_t line = 0;         ///< in the document
  std::string reference() const { return name + "@" + std::to_string(version); }
};

/// How one rule of an adopted pack stands under an agreement.
struct RuleStanding {
  enum class Stands : std::uint8_t {
    always,   ///< nothing that the flows do touches it
    limited,  ///< it holds because of limits
    broken,
  };
  std::string pack, rule, cite, says;  ///< "us-28cfr202@1", "genomic", the paragraph, a sentence
  bool from_memory = false;            ///< the pack says so: nobody held it against the law's text
  Stands stands = Stands::always;
  std::vector<LimitIndex> limits;  ///< of the plan, if there is one
};
std::string_view to_string(RuleStanding::Stands);  ///< "always", "limited", "broken"

/// Where the thing of a name stands: found in the same time among four and among a thousand.
class NameIndex {
 public:
  template <class Items>
  static NameIndex of(const Items& items) {
    NameIndex out;
    for (std::size_t i = 0; i < items.size(); ++i) out.places_.emplace(items[i].name, static_cast<std::uint16_t>(i));
    return out;
  }
  std::optional<std::uint16_t> find(std::string_view name) const {
    const auto found = places_.find(name);
    return found == places_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  struct Hasher : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, std::uint16_t, Hasher, std::equal_to<>> places_;
};

struct Plan {
  std::string agreement;  ///< name
  std::uint32_t version = 0;
  Hash hash;  ///< SHA-256 of the document's exact bytes
  std::string subjects_country;
  std::vector<PartyIndex> served_by;  ///< who may pass on a subject's requests (export, erase, restrict)
  std::optional<VerifierKey> log;     ///< the evidence log's key, if the document pins one
  std::vector<Party> parties;
  std::vector<Collection> collections;
  std::vector<Flow> flows;
  std::vector<Limit> limits;
  std::vector<Prohibition> prohibitions;       ///< held already: what the flows do is within them
  std::vector<std::uint32_t> served_by_lines;  ///< in the document, as served_by
  std::vector<AdoptedPack> packs;
  std::vector<RuleStanding> rules;  ///< of all packs, in order; none is broken
  Quorum change_agreement;
  std::optional<Quorum> change_module;     ///< none: no sealed module can be released
  std::vector<PartyIndex> module_seen_by;  ///< who must have been shown a module before it is released
  std::optional<Quorum> change_emergency;  ///< none: nobody may declare one; cannot be carried out in this version
  std::chrono::seconds emergency_at_most{0};
  std::optional<Quorum> change_suspend;  ///< none: nobody may; cannot be carried out in this version

  NameIndex party_names, collection_names, flow_names;

  std::optional<PartyIndex> find_party(std::string_view name) const;
  std::optional<CollectionIndex> find_collection(std::string_view name) const;
  std::optional<FlowIndex> find_flow(std::string_view name) const;
  /// The flow that makes `product`.
  std::optional<FlowIndex> find_maker(std::string_view product) const;
  /// All that `flow` reads, and all that the product carries that it runs with; each field once, by its nearest reader.
  /// Of a flow that makes a product: what the product carries. Nothing of a flow that gives.
  std::vector<Carried> carried(FlowIndex flow) const;
  /// The one trustee.
  PartyIndex trustee() const;
  /// May it read what sealed modules write to their stderr: the trustee and overseers.
  bool reads_module_logs(PartyIndex party) const {
    return parties[party].role == Role::trustee || parties[party].role == Role::overseer;
  }
};
using PlanPtr = std::shared_ptr<const Plan>;

}  // namespace holdfast::agreement
