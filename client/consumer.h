// The public header jangada/consumer.h under the house's older name, with record batches beside it.
#pragma once

#include "jangada/consumer.h"
#include "storage/record_batch.h"
