// The public header jangada/producer.h under the house's older name, with record batches beside it.
#pragma once

#include "jangada/producer.h"
#include "storage/record_batch.h"
