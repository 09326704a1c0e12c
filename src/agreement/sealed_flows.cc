#include "agreement/spelling.h"
#include "agreement/terms.h"

namespace holdfast::agreement {
void read_run(const Node& run, const Terms& terms, Flow& flow, Draft& draft) {
  Findings& findings = draft.findings;
  if (const std::string* module = text_of(run, "the name of a sealed module", findings)) {
    flow.module = *module;
    if (!is_name(*module)) add_expected("agreement.name.malformed", run, "the name of a sealed module", findings);
  }
  if (const Node* reads = terms.required("reads", "what the module reads: {collection: [fields]}")) {
    each_named(*reads, "collection", 200, findings, [&](const Node::Member& member) {
      const auto collection = resolve_collection(member.key, member.at, draft);
      if (!collection) return;
      Reads out{*collection, {}, member.at.line};
      each_text(member.value, "fields", false, findings, [&](const Node& item) {
        if (const auto field = resolve_field(item.text, item.at, *collection, draft)) out.fields.push_back(*field);
      });
      flow.reads.push_back(std::move(out));
    });
  }
  if (const Node* with = terms.optional("with")) {
    if (const std::string* product = text_of(*with, "the name of a product", findings)) flow.with = *product;
  }
  if (const Node* output = terms.required("output", "how much one run may put out, such as 16KiB")) {
    const std::string* text = text_of(*output, "a size such as 16KiB", findings);
    const auto size = text ? parse_size(*text) : std::nullopt;
    if (text && !size) {
      add_expected("agreement.size.malformed", *output, "a size such as 512B, 16KiB or 2MiB, at most 64MiB", findings);
    }
    flow.size_max_bytes = size;
  }
}

}  // namespace holdfast::agreement
