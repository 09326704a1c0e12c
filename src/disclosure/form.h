#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agreement/plan.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "disclosure/token.h"

namespace holdfast::disclosure {

/// What became of a field.
enum class Outcome { given, left_out };

/// Turns one field's stored values into what leaves. Made once per flow and field; immutable, thread-safe.
///
/// - clear: as value.h writes it. token: as token.h writes it. redacted: left out, name and all.
/// - year "1990", month "1990-04": of a date or time (UTC).
/// - first N: the first N characters as people count them (grapheme clusters, UAX #29) of the text in NFC. A shorter
///   text is given whole. Of one character at most kClusterPointsMax code points leave, so nothing rides in the marks.
/// - range of N: "2000..2999" holds the value's whole part; below zero it counts towards minus infinity ("-1000..-1").
///   Durations are in seconds.
/// - age band of N: "30..39", completed years today (UTC) since a date. Bands that begin at 90 or later are one,
///   "90+", as HIPAA's safe harbour wants (45 CFR 164.514(b)(2)(i)(C)).
/// - place to N decimals: "lat,lon" in degrees, each rounded half away from zero: "52.5,13.4".
///
/// A value that a form cannot be made of (a birth date to come, a text that is no place) is left out: whoever reads is
/// not stopped by someone else's bad data, and nothing more than agreed leaves.
class Former {
 public:
  static constexpr std::size_t kClusterPointsMax = 32;

  /// `token` is needed for the form token only, and may be shared by many.
  /// Errors: internal "disclosure.form.unfit": the form is none that the type can take, which a checked agreement
  /// never asks for.
  static Result<Former> create(const agreement::Field& field, agreement::Form form,
                               std::shared_ptr<const TokenKey> token);

  /// Appends the JSON value. Appends nothing when it is left out, or fails.
  /// Errors: corrupt "disclosure.value.stored".
  Result<Outcome> append(std::string& out, ByteView encoded, UnixMillis now) const;

  const std::string& name() const { return name_; }
  /// Quoted, escaped, with its colon: what stands before the value.
  const std::string& json_name() const { return json_name_; }
  std::uint32_t tag() const { return tag_; }
  agreement::FieldType type() const { return type_; }
  const agreement::Form& form() const { return form_; }

 private:
  Former() = default;
  std::string name_;
  std::string json_name_;
  std::string category_;
  std::uint32_t tag_ = 0;
  agreement::FieldType type_ = agreement::FieldType::text;
  agreement::Form form_;
  std::shared_ptr<const TokenKey> token_;
};

/// The same for what a flow gives of one collection: record in, JSON object out.
class RecordFormer {
 public:
  /// `token`: the key of the flow's recipient and use.
  static Result<RecordFormer> create(const agreement::Plan& plan, const agreement::GivenCollection& given,
                                     std::shared_ptr<const TokenKey> token);

  /// Appends one JSON object of the fields given, in the agreement's order; fields that the record does not hold are
  /// left out. `record.find(tag)` answers a pointer to the stored value or null, as vault::Record's does.
  /// Errors: corrupt "disclosure.value.stored", which names the field; `out` is then as it was.
  template <class Record>
  Result<void> append(std::string& out, const Record& record, UnixMillis now) const {
    const std::size_t start = out.size();
    out.push_back('{');
    for (const Former& field : fields_) {
      const auto* stored = record.find(field.tag());
      if (stored == nullptr) continue;
      HF_CHECK(append_field(out, start, field, *stored, now));
    }
    out.push_back('}');
    return {};
  }

  /// The collection's name in the agreement.
  const std::string& name() const { return name_; }
  const std::vector<Former>& fields() const { return fields_; }

 private:
  RecordFormer() = default;
  static Result<void> append_field(std::string& out, std::size_t start, const Former& field, ByteView stored,
                                   UnixMillis now);
  std::string name_;
  std::vector<Former> fields_;
};

}  // namespace holdfast::disclosure
