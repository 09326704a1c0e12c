// Everything held on a subject, for the subject: what GDPR articles 15 and 20 ask for.
#include <boost/json.hpp>
#include <map>

#include "base/json.h"
#include "disclosure/value.h"
#include "trustee/impl.h"

namespace holdfast::trustee {
namespace {

namespace json = boost::json;

const agreement::Collection* find_collection(const agreement::Plan& plan, vault::CollectionId tag) {
  for (const agreement::Collection& collection : plan.collections) {
    if (collection.tag == tag) return &collection;
  }
  return nullptr;
}

/// Fields in the clear. What an earlier agreement declared and this one does not is there too, under its tag; each
/// value as it was deposited, also where the agreement has given its field another type since.
Result<void> append_record(std::string& out, const agreement::Collection* collection, const vault::Record& record) {
  bool first = true;
  const auto name = [&](std::string_view text) {
    if (!std::exchange(first, false)) out.push_back(',');
    append_json_string(out, text);
    out.push_back(':');
  };
  for (const vault::FieldValue& value : record.values) {
    const agreement::Field* field = nullptr;
    if (collection != nullptr) {
      for (const agreement::Field& known : collection->fields) {
        if (known.tag == value.tag) field = &known;
      }
    }
    Bytes tag;
    put_u32(tag, value.tag);
    name(field != nullptr ? field->name : "undeclared-" + to_hex(tag));
    const auto type = disclosure::stored_type(value.value);
    if (!type || !disclosure::append_json(out, *type, value.value)) {
      append_json_string(out, to_base64(value.value));
    }
  }
  return {};
}

class Writer {
 public:
  explicit Writer(const agreement::Plan& plan) : plan_(plan) {}

  bool record(vault::CollectionId id, const vault::StoredRecord& stored) {
    open(id);
    out_ += "{\"deposited\":\"" + to_rfc3339(stored.deposited) + "\",\"fields\":{";
    return close_fields(id, stored.record);
  }
  bool row(vault::CollectionId id, const vault::StoredRow& stored) {
    open(id);
    out_ += "{\"key\":";
    append_json_string(out_, stored.key);
    out_ += ",\"deposited\":\"" + to_rfc3339(stored.deposited) + "\",\"fields\":{";
    return close_fields(id, stored.record);
  }
  std::string take() {
    if (current_) out_ += "]}";
    return std::move(out_);
  }
  Result<void> failed;

 private:
  void open(vault::CollectionId id) {
    if (current_ == id) {
      out_.push_back(',');
      return;
    }
    if (current_) out_ += "]},";
    current_ = id;
    const agreement::Collection* collection = find_collection(plan_, id);
    Bytes tag;
    put_u32(tag, id);
    append_json_string(out_, collection != nullptr ? collection->name : "undeclared-" + to_hex(tag));
    out_ += ":{\"categories\":{";
    bool first = true;
    if (collection != nullptr) {
      for (const agreement::Field& field : collection->fields) {
        if (!std::exchange(first, false)) out_.push_back(',');
        append_json_string(out_, field.name);
        out_.push_back(':');
        append_json_string(out_, field.category);
      }
      out_ += "},\"kept-for-seconds\":" + std::to_string(collection->keep.count());
    } else {
      out_.push_back('}');
    }
    out_ += ",\"records\":[";
  }
  bool close_fields(vault::CollectionId id, const vault::Record& record) {
    failed = append_record(out_, find_collection(plan_, id), record);
    out_ += "}}";
    return failed.has_value();
  }

  const agreement::Plan& plan_;
  std::string out_;
  std::optional<vault::CollectionId> current_;
};

/// Who received what of the subject, and when: read from the evidence, as anyone could who knew the pseudonym.
Result<json::array> recipients(const evidence::Log& log, const agreement::Plan& plan, const Pseudonym& pseudonym) {
  struct Seen {
    json::value gives;
    std::uint64_t times = 0;
    UnixMillis first = 0, last = 0;
  };
  std::map<std::pair<std::string, std::string>, Seen> seen;
  const std::string needle = to_base64url(pseudonym.view());
  HF_CHECK(log.search(needle, [&](std::uint64_t, ByteView raw) {
    const auto entry = evidence::Entry::decode(raw);
    if (!entry) return true;
    const auto* released = std::get_if<evidence::Released>(&entry->event);
    if (released == nullptr || released->subject != pseudonym) return true;
    Seen& at = seen[{released->to, released->flow}];
    boost::system::error_code ignored;
    at.gives = json::parse(released->gives, ignored);
    if (at.times++ == 0) at.first = entry->at;
    at.last = entry->at;
    return true;
  }));
  json::array out;
  for (const auto& [key, at] : seen) {
    json::object item{{"to", key.first}, {"flow", key.second}};
    if (const auto party = plan.find_party(key.first)) {
      item["countries"] = json::value_from(plan.parties[*party].countries);
    }
    if (const auto flow = plan.find_flow(key.second)) item["use"] = plan.flows[*flow].use;
    item["gives"] = at.gives;
    item["times"] = at.times;
    item["first"] = to_rfc3339(at.first);
    item["last"] = to_rfc3339(at.last);
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace

Task<Disclosure> Trustee::export_subject(Caller caller, std::string subject_id) {
  co_return co_await await_job(impl_->jobs, [&]() -> Result<Disclosure> {
    HF_TRY(const auto active, impl_->active());
    const auto party = impl_->serves(*active, caller, subject_id);
    if (!party) {
      impl_->refuse(caller, "export", {}, party.error());
      return tl::unexpected<Error>(party.error());
    }
    HF_TRY(const vault::Subject subject, impl_->vault->open(subject_id));
    const agreement::Plan& plan = *active->plan;

    Writer writer(plan);
    HF_CHECK(impl_->vault->read_all(
        subject, [&](vault::CollectionId id, const vault::StoredRecord& stored) { return writer.record(id, stored); },
        [&](vault::CollectionId id, const vault::StoredRow& stored) { return writer.row(id, stored); }));
    HF_CHECK(std::move(writer.failed));
    HF_TRY(const json::array received, recipients(*impl_->log, plan, subject.pseudonym()));

    Disclosure out;
    out.payload = "{\"subject\":";
    append_json_string(out.payload, subject_id);
    out.payload += ",\"pseudonym\":\"" + to_base64url(subject.pseudonym().view()) + "\",\"agreement\":";
    append_json_string(out.payload, plan.agreement);
    out.payload += ",\"version\":" + std::to_string(plan.version);
    out.payload += ",\"exported\":\"" + to_rfc3339(impl_->clock.now()) + "\"";
    const bool restricted = impl_->state->ledger([&](const auto& l) { return l.restricted(subject.pseudonym()); });
    out.payload += std::string(",\"restricted\":") + (restricted ? "true" : "false");
    out.payload += ",\"collections\":{" + writer.take() + "},\"recipients\":" + json::serialize(received) + "}";

    Salted proof = salted(out.payload);
    HF_TRY(const auto appended,
           impl_->append_now(*party, evidence::SubjectExported{subject.pseudonym(), proof.digest, out.payload.size()}));
    out.salt = std::move(proof.salt);
    out.receipt = appended.index;
    return out;
  });
}

}  // namespace holdfast::trustee
