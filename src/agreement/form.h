#pragma once

#include <optional>
#include <string_view>

#include "agreement/plan.h"

namespace holdfast::agreement {

std::string_view to_string(Level);
/// What `unless:` may say: "aggregate", "token", "generalised".
std::optional<Level> parse_level(std::string_view text);
Level level_of(const Form& form);

/// The inverse of Form::text: one spelling a form.
std::optional<Form> parse_form(std::string_view text);
/// Can a value of `type` leave in this form?
bool fits(const Form& form, FieldType type);
/// The forms that a type can take, for people: "clear, token, redacted, year, month".
std::string_view forms_of(FieldType type);

}  // namespace holdfast::agreement
