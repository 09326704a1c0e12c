#include "disclosure/withheld.h"

#include <string.h>  // memmem

#include "disclosure/value.h"

namespace holdfast::disclosure {
namespace {

bool has(ByteView text, ByteView part) { return ::memmem(text.data(), text.size(), part.data(), part.size()); }

}  // namespace

void Withheld::add_text(std::string_view text) {
  if (text.size() >= kBytesMin) put_sized(texts_, text);
}

void Withheld::add(agreement::FieldType type, ByteView stored) {
  if (type == agreement::FieldType::text) {
    if (const auto text = text_of(stored)) add_text(*text);
  } else if (type == agreement::FieldType::bytes) {
    if (const auto bytes = bytes_of(stored)) add_text(*bytes);
  } else if (type == agreement::FieldType::text_list) {
    const auto items = list_of(stored);
    for (std::size_t i = 0; items && i < items->size(); ++i) add_text((*items)[i]);
  }
}

bool Withheld::occurs_in(ByteView output) const {
  for (ByteReader in(texts_); in.left() > 0;) {
    if (has(output, in.sized())) return true;
  }
  return false;
}

bool Withheld::occurs_in(ByteView output, ByteView given) const {
  for (ByteReader in(texts_); in.left() > 0;) {
    const ByteView text = in.sized();
    if (has(output, text) && !has(given, text)) return true;
  }
  return false;
}

}  // namespace holdfast::disclosure
