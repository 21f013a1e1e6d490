"""A conversation held by Google's Python SDK, unchanged. Its twin is javascript.mjs: both take the same errand,
this one as JSON from the standard input, and tell the same of it, this one as JSON on the standard output."""

import asyncio
import json
import sys
import time
import warnings

from google import genai
from google.genai import errors, types

BYTES_PER_MS = 32
FRAME_BYTES = 20 * BYTES_PER_MS


class Ear:
    """A session that remembers what it was told, and how it ended."""

    def __init__(self, session, told):
        self.session = session
        self.told = told
        self.heard = 0
        self.news = asyncio.Event()

    async def listen(self):
        """Notes all that is said, until the end."""
        try:
            while True:
                # The iterator ends with every turn.
                async for message in self.session.receive():
                    self.told["messages"].append(plain(message))
                    self.news.set()
        except errors.APIError as error:
            self.told["closed"] = closing(error)
            self.news.set()

    async def hear(self, path):
        """Waits for a message that has something at `path`, from where the last was found."""
        while "closed" not in self.told:
            while self.heard < len(self.told["messages"]):
                self.heard += 1
                if has(self.told["messages"][self.heard - 1], path):
                    return
            self.news.clear()
            await self.news.wait()

    def calls(self):
        """The calls in the last message that was waited for."""
        return self.told["messages"][self.heard - 1]["toolCall"]["functionCalls"]


async def talk(errand):
    """Does an errand; javascript.mjs says of what it consists."""
    told = {"messages": []}
    key = errand["key"]
    version = None
    if "mint" in errand:
        version = "v1alpha"
        key = told["token"] = await token(errand["url"], key, errand["mint"])
    live = client(errand["url"], key, version).aio.live
    try:
        async with live.connect(model=errand["model"], config=errand["config"]) as session:
            ear = Ear(session, told)
            listening = asyncio.create_task(ear.listen())
            for step in errand["steps"]:
                if "closed" in told:
                    break
                await take(step, ear, errand["pace"])
            listening.cancel()
    except errors.APIError as error:
        told["closed"] = closing(error)
    return told


def client(url, key, version=None):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url, api_version=version))


async def token(url, key, config):
    return (await client(url, key, "v1alpha").aio.auth_tokens.create(config=config)).name


async def take(step, ear, pace):
    if "speak" in step:
        await speak(ear.session, step["speak"], pace)
    elif "text" in step:
        await ear.session.send_realtime_input(text=step["text"])
    elif "content" in step:
        turn = types.Content(role="user", parts=[types.Part(text=step["content"])])
        await ear.session.send_client_content(turns=turn)
    elif "answer" in step:
        await ear.session.send_tool_response(function_responses=[
            types.FunctionResponse(id=call["id"], name=call["name"], response=step["answer"]) for call in ear.calls()
        ])
    else:
        await ear.hear(step["hear"])


async def speak(session, file, pace):
    """Streams PCM in frames of 20 ms, `pace` times as fast as it sounds."""
    with open(file, "rb") as source:
        pcm = source.read()
    begun = time.monotonic()
    for at in range(0, len(pcm), FRAME_BYTES):
        await asyncio.sleep(max(0, begun + at / BYTES_PER_MS / 1000 / pace - time.monotonic()))
        frame = types.Blob(data=pcm[at:at + FRAME_BYTES], mime_type="audio/pcm;rate=16000")
        await session.send_realtime_input(audio=frame)
    await session.send_realtime_input(audio_stream_end=True)


def plain(message):
    """The message in the names of the wire."""
    return message.model_dump(mode="json", by_alias=True, exclude_none=True)


def has(message, path):
    for name in path.split("."):
        message = message.get(name) if isinstance(message, dict) else None
    return bool(message)


def closing(error):
    return {"code": error.code, "reason": error.details}


warnings.simplefilter("ignore", errors.ExperimentalWarning)
print(json.dumps(asyncio.run(talk(json.load(sys.stdin)))))
