"""How error pages, consent walls and bot checks word it, by language: patterns, joined into one per subject.

A help where a page has none of the marks that all languages share; each list can be replaced or left empty.
"""

from __future__ import annotations

NOT_FOUND: dict[str, tuple[str, ...]] = {
    "en": (
        r"\b(?:page|file|document|url|resource|content)?\s*(?:(?:could|was|were|can) ?)?(?:not|n't) (?:be )?found\b",
        r"page (?:doesn|does no|no longer)", r"access (?:to this page )?(?:is |has been )?denied", r"\bforbidden\b",
        r"service unavailable", r"internal server error", r"bad gateway",
    ),
    "de": (r"nicht gefunden", r"nicht (?:mehr )?verfügbar", r"zugriff verweigert", r"existiert nicht"),
    "fr": (r"page introuvable", r"n['’]existe (?:pas|plus)", r"accès (?:refusé|interdit)"),
    "es": (
        r"no (?:se (?:ha )?)?encontrad[ao]", r"no (?:se ha podido|pudimos) encontrar", r"página no existe",
        r"acceso denegado",
    ),
    "pt": (r"não (?:foi )?encontrad[ao]", r"acesso negado"),
    "it": (r"non (?:è stata )?trovata", r"pagina inesistente", r"accesso negato"),
    "nl": (r"niet gevonden", r"bestaat niet", r"toegang geweigerd"),
    "nordic": (r"ikke (?:fundet|funnet)", r"finnes ikke", r"hittades inte", r"finns inte", r"ei löydy"),
    "pl": (r"nie (?:została )?(?:znaleziono|znaleziona|istnieje)",),
    "cs": (r"nenalezena", r"nebyla nalezena"),
    "hu": (r"nem található",),
    "ro": (r"nu a fost găsit",),
    "ru": (r"не найден", r"не существует", r"доступ запрещ"),
    "uk": (r"не знайден",),
    "el": (r"δεν βρέθηκε",),
    "tr": (r"bulunamadı", r"erişim engellendi"),
    "vi": (r"không tìm thấy",),
    "id": (r"tidak ditemukan",),
    "th": (r"ไม่พบ",),
    "ar": (r"غير موجود", r"لم يتم العثور", r"لا يمكن العثور"),
    "he": (r"לא נמצא",),
    "fa": (r"یافت نشد",),
    "hi": (r"नहीं मिला",),
    "ja": (r"見つかりません", r"存在しません"),
    "zh": (r"找不到", r"未找到", r"不存在"),
    "ko": (r"찾을 수 없", r"존재하지 않"),
}  # fmt: skip
CONSENT: dict[str, tuple[str, ...]] = {
    "loan words": (
        r"cookie", r"кук[иа]", r"クッキー", r"쿠키", r"कुकी", r"คุกกี้", r"עוגיות", r"ملفات تعريف الارتباط", r"evästee",
    ),
    "laws": (r"\b(?:gdpr|dsgvo|rgpd|avg|lgpd|ccpa|tcf)\b",),
    "consent": (
        r"consent", r"einwilligung", r"consentimiento", r"consentimento", r"consenso", r"toestemming", r"samtykke",
        r"samtycke", r"zgod[aęy]\b", r"согласи", r"同意", r"동의",
    ),
}  # fmt: skip
ROBOT: dict[str, tuple[str, ...]] = {
    "services": (r"captcha", r"cloudflare", r"\bray id\b"),
    "robot": (
        r"\brobot", r"\bbots?\b", r"робот", r"ロボット", r"로봇", r"机器人", r"機器人", r"روبوت", r"רובוט", r"ρομπότ",
        r"rô-?bốt", r"หุ่นยนต์", r"रोबोट",
    ),
    "human": (
        r"human(?:o|a|e)?s?\b.{0,40}\b(?:verif|check|prove|confirm)", r"(?:verif|check|prove|confirm)\w*.{0,40}\bhuman",
        r"menschlich", r"ein mensch\b", r"être humain", r"ser humano",
    ),
}  # fmt: skip
SCRIPT: dict[str, tuple[str, ...]] = {
    "name": (r"java\s?script", r"джава-?скрипт", r"ジャバスクリプト", r"자바스크립트"),
}
