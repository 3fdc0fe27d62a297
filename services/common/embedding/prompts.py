"""Prompts that a model wants in front of a text, and the middle of its vectors.

Some models want a text of their own in front of a query and of what is stored. And of many all
vectors point one way: two texts that have nothing in common have a cosine of .1 with the default
model and of .8 with another, so that no number of ours (what is similar, what says nothing) would
hold for both. Vectors of such a model are counted from the middle of `SAMPLE`.
"""

import hashlib
import re
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from services.common.embedding.encoder import Encode, Encoders
from services.common.embedding.model_files import (
    DEFAULT_MODEL,
    load_encoders,
    model_digest,
    source_of,
)

# Where sentence-transformers writes the texts in front.
PROMPTS = "config_sentence_transformers.json"
_PASSAGE_NAMES = ("document", "passage")
# These came before there was such a file.
_E5 = re.compile(r"(^|[-_/])e5[-_]", re.IGNORECASE)
# Of texts that have nothing in common; a model above it is counted from its middle.
COSINE_IN_COMMON_MAX = 0.25
# Never changed: what is stored has been counted from the middle of these.
SAMPLE = (
    "I work as a nurse in a small hospital.",
    "The train to the airport leaves at half past six.",
    "My sister has two cats and a very old dog.",
    "Please send me the report before Friday.",
    "We went hiking in the mountains last summer.",
    "The database migration failed with a timeout.",
    "He is allergic to peanuts and shellfish.",
    "Thanks, that sounds great, see you tomorrow!",
    "She painted the kitchen yellow over the weekend.",
    "The new phone costs about four hundred dollars.",
    "What did the doctor say about your knee?",
    "Our football team lost again, two to nothing.",
    "The recipe needs three eggs and a cup of flour.",
    "I am learning to play the violin.",
    "The function returns a list of open orders.",
    "They moved to Canada when I was ten.",
    "It has been raining since yesterday morning.",
    "My favourite book is about the history of maps.",
    "The meeting was cancelled because the client is ill.",
    "He borrowed my bicycle and never gave it back.",
    "Ich habe gestern einen neuen Schreibtisch gekauft.",
    "Mein Bruder wohnt seit drei Jahren in Wien.",
    "Nous avons mangé dans un petit restaurant au bord de la mer.",
    "Ma fille commence l'école en septembre.",
    "Mañana tengo una cita con el dentista.",
    "El perro de mi vecino ladra toda la noche.",
    "Я каждое утро бегаю в парке.",
    "Моя бабушка печёт очень вкусный хлеб.",
    "我每天坐地铁去上班。",
    "他的女儿在学弹钢琴。",
    "来週の会議は木曜日の午後です。",
    "母は庭でトマトを育てています。",
    "저는 커피보다 차를 더 좋아해요.",
    "우리 가족은 여름마다 바다에 갑니다.",
    "أعمل مهندسًا في شركة صغيرة.",
    "اشترينا سيارة جديدة الشهر الماضي.",
    "मेरा भाई दिल्ली में डॉक्टर है।",
    "हमने कल एक पुरानी फ़िल्म देखी।",
    "ฉันชอบทำอาหารไทยในวันหยุด",
    "เมื่อวานฝนตกหนักทั้งวัน",
    "Annem her pazar bize yemek yapar.",
    "Geçen yıl yeni bir eve taşındık.",
)
_NORM_MIN = 1e-6


@dataclass(frozen=True)
class Prompts:
    """Texts that a model wants in front of a query, and of what is stored."""

    query: str = ""
    passage: str = ""

    def before(self, *, query: bool) -> str:
        """The text that belongs before another one."""
        return self.query if query else self.passage


def prompts_of(name: str) -> Prompts:
    """The prompts of the model `name`: what is written in its folder, else those of its family.

    >>> prompts_of("intfloat/multilingual-e5-small")
    Prompts(query='query: ', passage='passage: ')
    """
    folder = source_of(name)
    written: dict[str, str] = {}
    if folder is not None and (folder / PROMPTS).exists():
        written = orjson.loads((folder / PROMPTS).read_bytes()).get("prompts") or {}
    query = written.get("query") or ""
    passage = next((written[each] for each in _PASSAGE_NAMES if written.get(each)), "")
    if not (query or passage) and _E5.search(name):
        return Prompts("query: ", "passage: ")
    return Prompts(query, passage)


def digest_of(name: str) -> str | None:
    """A digest of what determines the vectors of the model `name`: its content and its prompts.

    None while it is not on this machine.
    """
    content, prompts = model_digest(name), prompts_of(name)
    if content is None or prompts == Prompts():
        return content
    parts = (content, prompts.query, prompts.passage)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def load_centred(name: str, *, threads: int) -> Encoders:
    """`load_encoders`, with vectors counted from the middle if all of them point one way."""
    encoders = load_encoders(name, threads=threads)
    # The numbers of ours were found with the default one.
    return encoders if name == DEFAULT_MODEL else centred(encoders, prompts_of(name).passage)


def centred(encoders: Encoders, before: str = "") -> Encoders:
    """`encoders` counted from the middle of `SAMPLE`, if its vectors point one way.

    `before`: the text in front of what is stored.
    """
    # One by one: what else is in a batch moves the vectors of a model in 8 bits.
    vectors = [encoders.beside([before + text])[0] for text in SAMPLE]
    middle: NDArray[np.float32] = np.stack(vectors).mean(axis=0)
    if float(middle @ middle) <= COSINE_IN_COMMON_MAX:
        return encoders
    return Encoders(_from(middle, encoders.beside), _from(middle, encoders.alone))


def _from(middle: NDArray[np.float32], encode: Encode) -> Encode:
    def encode_from_middle(texts: list[str]) -> NDArray[np.float32]:
        vectors = encode(texts) - middle
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: NDArray[np.float32] = vectors / np.maximum(norms, _NORM_MIN)
        return unit

    return encode_from_middle
