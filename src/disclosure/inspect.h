#pragma once

#include <span>
#include <string_view>

#include "disclosure/form.h"

namespace holdfast::disclosure {

/// A stored value of the record that is looked at; null when the record has none for that field.
using StoredField = const Bytes*;

/// The border's step "inspect": does `object`, which RecordFormer wrote, hold what must not leave? It trusts nothing of
/// how the object was made: walks the JSON by itself and demands that
/// - it is one object of the given fields, none twice, none else, and nothing behind it ("inspect.field");
/// - each value has the outward shape of its form: a token looks like a token, a year has four digits
/// ("inspect.shape");
/// - a clear value is that field's stored value and no other's ("inspect.value");
/// - what `first N` gives is a beginning of that field's stored text, of at most N characters, however short the text
///   is ("inspect.leak" when it is more).
/// What has not its form is refused; when it holds a text of six bytes or more that is given otherwise than in the
/// clear, the error says so and names that text's field ("inspect.leak").
/// `stored` has one entry for each of `former.fields()`, in order. Cost: about the object's size; no allocation beyond
/// a scratch string per thread.
/// Errors: internal, the slugs above; `where` names collection and field, and no value is ever repeated. The caller
/// must then release nothing.
Result<void> inspect_fields(const RecordFormer& former, std::string_view object, std::span<const StoredField> stored);

/// The same for a record that has `find(tag)`, as vault::Record.
template <class Record>
Result<void> inspect(const RecordFormer& former, std::string_view object, const Record& record) {
  thread_local std::vector<StoredField> stored;
  stored.clear();
  for (const Former& field : former.fields()) stored.push_back(record.find(field.tag()));
  return inspect_fields(former, object, stored);
}

}  // namespace holdfast::disclosure
