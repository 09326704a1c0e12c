#include "vault/names.h"

#include "base/bytes.h"

namespace holdfast::vault {
namespace {

bool is_name(std::string_view text, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max && text.find('\0') == std::string_view::npos && is_utf8(text);
}

}  // namespace

Result<void> check_subject_id(std::string_view id) {
  if (is_name(id, kSubjectIdBytesMax)) return {};
  return fail(Code::invalid, "vault.subject.id", "subject",
              "a subject id has 1 to 512 bytes of UTF-8, none of them NUL");
}

Result<void> check_row_key(std::string_view key) {
  if (is_name(key, kRowKeyBytesMax)) return {};
  return fail(Code::invalid, "vault.row.key", "", "a record's key has 1 to 512 bytes of UTF-8, none of them NUL");
}

}  // namespace holdfast::vault
