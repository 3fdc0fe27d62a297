"""Some memories in columns; they live in services/common, where maintenance needs them too."""

from services.common.memories import ACTIVE as ACTIVE
from services.common.memories import DECAYED as DECAYED
from services.common.memories import DELETED as DELETED
from services.common.memories import Memories as Memories
from services.common.memories import flattened as flattened
from services.common.memories import status_name as status_name
