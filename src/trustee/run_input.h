#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "agreement/plan.h"
#include "disclosure/withheld.h"
#include "sealed/formats/records.h"
#include "trustee/held.h"

namespace holdfast::trustee {

/// What a flow hands its sealed module of a subject: exactly the fields that `reads` names, from what is stored to the
/// module's layout without a form between. Made once, at adoption; thread-safe.
class RunInput {
 public:
  static Result<std::unique_ptr<const RunInput>> create(const agreement::Plan& plan, agreement::FlowIndex flow);

  struct Read {
    Bytes frame;
    std::uint64_t records = 0;
    disclosure::Withheld withheld;  ///< of the records that were opened, what the module does not get
  };
  /// One subject as a frame. Errors: those of the vault and of FrameWriter::add.
  Result<Read> read(const vault::Vault& vault, const vault::Subject& subject) const;

  /// For a writer of one's own, to put many subjects into one frame.
  const std::vector<sealed::TableShape>& shapes() const { return shapes_; }
  /// Appends `subject`; answers how many records that were. `withheld` may be null: then collections that are not read
  /// are not opened.
  Result<std::uint64_t> add(const vault::Vault& vault, const vault::Subject& subject, sealed::FrameWriter& writer,
                            disclosure::Withheld* withheld) const;

 private:
  /// A collection that is opened: for its fields that are read, or to know what must not leave.
  struct Source {
    Holding holding;
    std::optional<std::size_t> table;  ///< of the frame; nothing: only looked at
    std::vector<std::uint32_t> read;   ///< tags, in the order of the columns
    std::vector<std::pair<std::uint32_t, agreement::FieldType>> withheld;
  };
  RunInput() = default;
  std::unique_ptr<sealed::FrameWriter> take_writer() const;

  std::vector<Source> sources_;
  std::vector<sealed::TableShape> shapes_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<sealed::FrameWriter>> idle_;  ///< they keep their memory
};

}  // namespace holdfast::trustee
