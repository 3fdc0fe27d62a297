"""Reads of the live build; they live in services/common, where maintenance needs them too."""

from services.common.live_build import Commands as Commands
from services.common.live_build import LiveBuild as LiveBuild
from services.common.live_build import Queue as Queue
from services.common.live_build import position_of as position_of
